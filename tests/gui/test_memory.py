"""The memory meter, what lies behind it, and the guard among the settings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from memory_fakes import GB, GEMMA, FakeHost, loaded_gemma, memory
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.models.memory import Segment, duration_text, gauges, leaving_words, predicted_words
from paddock.gui.pages.load_breakdown import DeviceUseRow
from paddock.gui.pages.load_dialog import LoadDialog
from paddock.gui.pages.memory_popover import MemoryPopover
from paddock.gui.pages.memory_settings import MemoryCard
from paddock.gui.rail import Rail
from paddock.gui.theme import Theme
from paddock.gui.widgets.memory_bar import APART, LEAST, MemoryBar, MemoryLegend, stretches, stretches_apart
from paddock.sdk.errors import HostBusy
from paddock.sdk.events import MemoryChanged, MemoryPressure
from paddock.sdk.host import SettingsPatch
from paddock.sdk.memory import DeviceState, EstimatedDevice, MemoryDevice, MemoryState, ModelShare, Parts

Scene = Any
MB = 10**6
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def host(qapp: Any, tmp_path: Path) -> FakeHost:
    Theme().apply(qapp)
    return FakeHost(tmp_path)


def named(model: str) -> tuple[str, int]:
    return model.rpartition("/")[2], 2


@pytest.fixture
def popover(qtbot: QtBot, host: FakeHost) -> Iterator[MemoryPopover]:
    window = QWidget()
    window.resize(1000, 700)
    anchor = QWidget(window)
    anchor.setGeometry(4, 560, 72, 100)
    qtbot.addWidget(window)
    window.show()
    made = MemoryPopover(host, window)
    made.open_beside(anchor)
    yield made
    made.hide()


def test_a_row_for_the_gpu_and_one_for_the_machine() -> None:
    gpu, ram = gauges(memory(), named)
    assert (gpu.name, gpu.per_cent, ram.name, ram.per_cent) == ("GPU", 61, "RAM", 29)
    assert gpu.free == pytest.approx(3.1 * GB)
    assert [(segment.fill, segment.ink) for segment in gpu.segments] == [
        ("solid", 2), ("hatched", "border_strong"), ("empty", "track"),
    ]  # fmt: skip
    assert "gemma-3-4b:Q4_K_M 4.1 GB, Other programs 800 MB; 3.1 GB free" in gpu.words()


def test_several_gpus_have_a_row_each_and_many_share_one() -> None:
    assert [row.name for row in gauges(memory(gpus=2), named)] == ["GPU 1", "GPU 2", "RAM"]
    rows = gauges(memory(gpus=8), named)
    assert [row.name for row in rows] == ["8 GPUs", "RAM"]
    assert rows[0].total == 64 * GB


def test_what_a_load_under_way_will_take_is_outlined_and_counted_once() -> None:
    share = ModelShare(instance="i", model="m", loading=True, predicted=Parts(weights=4 * GB))
    device = msgspec.structs.replace(memory().devices[0].device, total=10 * GB)
    state = DeviceState(device=device, models=(share,), others=GB, promised=3 * GB)
    (row,) = gauges(MemoryState(devices=(state,)), named)
    assert [(segment.size // GB, segment.fill) for segment in row.segments] == [
        (1, "solid"), (3, "outlined"), (1, "hatched"), (5, "empty"),
    ]  # fmt: skip


def test_a_device_without_memory_of_its_own_has_no_row() -> None:
    state = memory(gpus=1)
    ram, gpu = state.devices
    shared = msgspec.structs.replace(gpu, device=msgspec.structs.replace(gpu.device, shares_ram=True))
    assert [row.name for row in gauges(MemoryState(devices=(ram, shared)), named)] == ["RAM"]


def test_the_rail_shows_the_meter_and_in_narrow_windows_the_bars_alone(qtbot: QtBot, host: FakeHost) -> None:
    rail = Rail()
    qtbot.addWidget(rail)
    rail.show_labels(True)
    rail.show()
    assert not rail.meter.isVisible(), "nothing is known yet"
    rail.meter.show_gauges(gauges(memory(), named))
    assert rail.meter.isVisible()
    assert "GPU 61 % used" in rail.meter.accessibleDescription()
    assert rail.meter.toolTip().count("\n") == 1, "a line for each device"
    wide = rail.meter.sizeHint().height()
    rail.show_labels(False)
    assert rail.meter.sizeHint().height() < wide
    asked: list[bool] = []
    rail.memory_wanted.connect(lambda: asked.append(True))
    rail.meter.setFocus()
    qtbot.keyClick(rail.meter, Qt.Key.Key_Return)
    assert asked


def test_a_bar_says_its_numbers_and_paints_what_is_beyond_the_limit(qtbot: QtBot, qapp: Any) -> None:
    Theme().apply(qapp)
    bar = MemoryBar("RAM")
    qtbot.addWidget(bar)
    bar.resize(200, 16)
    bar.show_segments([Segment("Weights", 6 * GB, 0), Segment("Nothing", 0, 1)], 8 * GB)
    assert bar.accessibleName() == "RAM: Weights 6.0 GB"
    fits = bar.grab().toImage()
    bar.show_segments([Segment("Weights", 6 * GB, 0)], 8 * GB, limit=4 * GB)
    over = bar.grab().toImage()
    assert fits.pixelColor(50, 8) == over.pixelColor(50, 8)
    assert fits.pixelColor(100, 8) != over.pixelColor(100, 8), "the limit is drawn"
    assert fits.pixelColor(180, 8) == Theme().color("track"), "free"


def painted(bar: MemoryBar) -> list[str]:
    """The colour of each pixel along the middle of the bar."""
    image = bar.grab().toImage()
    return [image.pixelColor(x, image.height() // 2).name().upper() for x in range(image.width())]


def test_many_small_models_fill_no_more_of_a_bar_than_they_take(qtbot: QtBot, qapp: Any) -> None:
    Theme().apply(qapp)
    bar = MemoryBar("RAM")
    qtbot.addWidget(bar)
    bar.resize(70, 16)
    small = [Segment(f"Model {number}", GB // 10, number % 6) for number in range(20)]
    bar.show_segments(
        [*small, Segment("Other programs", 33 * GB, "text2"), Segment("Free", 35 * GB, fill="empty")], 70 * GB
    )
    pixels = painted(bar)
    free, others = Theme().color("track").name().upper(), Theme().color("text2").name().upper()
    assert pixels.index(others) in (2, 3), "twenty models of 2 GB together"
    assert pixels.index(free) in (35, 36)
    bar.show_segments([*small[:1], Segment("Other programs", 33 * GB, "text2")], 70 * GB)
    pixels = painted(bar)
    assert Theme().silk(0).upper() in pixels, "whatever is there can be seen"
    assert pixels.index(free) in (33, 34)
    bar.show_segments(small[:1], 7000 * GB)
    assert Theme().silk(0).upper() in painted(bar)


def test_stretches_are_as_wide_as_what_they_hold(qapp: Any) -> None:
    for sizes in ([1] * 40, [1, 900, 1, 900, 1], [3, 5, 7], [10, 1, 10, 1, 10], [500]):
        parts = [Segment(str(number), size, number % 6) for number, size in enumerate(sizes)]
        drawn = stretches(parts, 0.25)
        assert sum(width for _, width in drawn) == pytest.approx(max(LEAST, sum(sizes) * 0.25))
        assert sum(part.size for part, _ in drawn) == sum(sizes)
        assert all(width >= LEAST - 1e-9 for _, width in drawn)
    many = [Segment("a", 3), Segment("b", 2), Segment("c", 2), Segment("d", 2), Segment("e", 2)]
    assert [part.label for part, _ in stretches(many, 0.01)] == ["a"], "in the looks of the largest of them"
    apart = [Segment("a", 1), Segment("Free", 90, fill="empty"), Segment("b", 1)]
    assert [part.label for part, _ in stretches(apart, 0.1)] == ["a", "Free", "b"], "what is free stays between them"


def small_load(free: int) -> EstimatedDevice:
    """A model of 50 MB on a machine of 24 GB, with ``free`` bytes free."""
    parts = Parts(weights=5 * MB, kv=5 * MB, compute=9 * MB, overhead=30 * MB)
    return EstimatedDevice(name="RAM", kind="cpu", bytes=49 * MB, free=free, total=24 * GB, parts=parts)


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("free", [22 * GB, 46 * MB], ids=["fits", "does-not-fit"])
def test_what_a_small_model_takes_is_told_by_its_colours(
    qtbot: QtBot, qapp: QApplication, look: Literal["light", "dark"], free: int
) -> None:
    Theme(look).apply(qapp)
    row = DeviceUseRow()
    qtbot.addWidget(row)
    row.resize(480, 80)
    row.show_device(small_load(free), None, ())
    row.show()
    solid = [segment for segment in row.legend.segments if segment.fill == "solid"]
    assert [segment.label for segment in solid] == ["Weights", "KV cache", "Compute", "Process"]
    pixels = painted(row.bar)
    inks = [Theme(look).silk(it.ink) if isinstance(it.ink, int) else Theme(look).color(it.ink).name() for it in solid]
    places = [pixels.index(ink.upper()) for ink in inks]
    assert places == sorted(places), "in the order of the legend"


def test_parts_that_are_told_apart_keep_to_the_bar() -> None:
    for sizes in ([1, 1, 1, 500], [300, 1, 1, 1, 690], [4, 4, 4], [1000], [1] * 20):
        parts = [Segment(str(number), size, number % 6) for number, size in enumerate(sizes)]
        for room in (500.0, 24.0):
            drawn = stretches_apart(parts, room / 1000, room)
            assert sum(width for _, width in drawn) <= room + 1e-9
            if len(sizes) * APART <= room:
                assert [part for part, _ in drawn] == parts
                assert min(width for _, width in drawn) >= APART
    large = [Segment("a", 600), Segment("b", 400)]
    assert [width for _, width in stretches_apart(large, 0.5, 500)] == [300, 200], "nothing lacks, nothing moves"


def test_the_legend_says_how_much_the_end_of_the_bar_stands_for(qtbot: QtBot, qapp: Any) -> None:
    Theme().apply(qapp)
    short = EstimatedDevice(
        name="RAM", kind="cpu", bytes=6 * GB, free=4 * GB, total=8 * GB, parts=Parts(weights=6 * GB)
    )
    row = DeviceUseRow()
    qtbot.addWidget(row)
    row.show_device(short, None, ())
    assert row.legend.accessibleName() == "In use 4.0 GB, Weights 6.0 GB, Missing 2.0 GB"
    row.show_device(msgspec.structs.replace(short, bytes=3 * GB, parts=Parts(weights=3 * GB)), None, ())
    assert "Missing" not in row.legend.accessibleName()


@pytest.mark.parametrize("need", [3 * GB, 4 * GB, 5 * GB], ids=["fits", "fits-exactly", "does-not-fit"])
def test_what_a_limit_keeps_free_is_drawn_and_told_whether_a_load_fits_or_not(
    qtbot: QtBot, qapp: Any, need: int
) -> None:
    Theme().apply(qapp)
    device = MemoryDevice(name="RAM", description="", total=16 * GB, free=12 * GB)
    load = EstimatedDevice(name="RAM", kind="cpu", bytes=need, free=4 * GB, total=16 * GB, parts=Parts(weights=need))
    row = DeviceUseRow()
    qtbot.addWidget(row)
    row.resize(1600, 80)
    row.show_device(load, DeviceState(device=device, others=4 * GB, free=4 * GB), ())
    row.show()
    told = {segment.label: segment.size for segment in row.legend.segments}
    missing = max(0, need - 4 * GB)
    assert told["Kept free"] == 8 * GB - missing
    assert told.get("Missing", 0) == missing
    assert sum(told.values()) - missing == 16 * GB, "all of the bar is told"
    pixels = painted(row.bar)
    pixel = len(pixels) / 16
    look = Theme()
    assert look.color("track").name().upper() not in pixels[int(8.1 * pixel) :], "none of the rest looks usable"
    red = [number / pixel for number, ink in enumerate(pixels) if ink == look.color("bad").name().upper()]
    if missing:
        assert red[0] == pytest.approx(8, abs=0.05)
        assert red[-1] <= 8 + missing / GB + 0.05, "red is what is missing, not what stays free"
    else:
        assert not red
    assert set(pixels[int(9.2 * pixel) : int(15.8 * pixel)]) == {look.color("raised").name().upper()}


def test_a_legend_takes_the_lines_it_needs(qtbot: QtBot, qapp: Any) -> None:
    Theme().apply(qapp)
    legend = MemoryLegend()
    qtbot.addWidget(legend)
    legend.show_segments([Segment(f"Part {number}", GB, number) for number in range(6)])
    assert legend.heightForWidth(2000) < legend.heightForWidth(200)


def test_the_popover_tells_predicted_and_measured_and_the_time_that_is_left(
    host: FakeHost, popover: MemoryPopover
) -> None:
    row = popover.models["i1"]
    assert row.name.text() == "Gemma 3 4B Q4_K_M"
    assert row.parts.text().replace("\u00a0", " ") == "Weights 2.5 GB, KV cache 1.3 GB, Compute 300 MB, Process 260 MB"
    assert row.use.text() == "Predicted 4.4 GB, takes 4.3 GB (1.1 % less)\nLeaves now"
    gpu, ram = popover.devices
    assert gpu.free.text() == "3.1 GB of 8.0 GB free"
    assert ram.holders.text() == "The largest others: firefox 4.2 GB, code 1.9 GB"
    assert not popover.pressure.isVisible()
    host.memory = memory(pressure="The computer is short of memory.")
    host.memory_changed.emit()
    assert popover.pressure.accessibleName() == "The computer is short of memory."
    assert popover.window().rect().contains(row.geometry().topLeft())


def test_pin_and_unload_from_the_popover(qtbot: QtBot, host: FakeHost, popover: MemoryPopover) -> None:
    row = popover.models["i1"]
    assert row.pin.accessibleName() == "Keep Gemma 3 4B Q4_K_M loaded"
    row.pin.click()
    qtbot.waitUntil(lambda: ("patch", ("i1", True)) in host.client.asked)
    host.loaded = {"i1": loaded_gemma(pinned=True)}
    host.models_changed.emit()
    assert row.pin.isChecked()
    assert "Pinned, stays loaded" in row.use.text().replace("\u00a0", " ")
    row.unload.click()
    qtbot.waitUntil(lambda: ("unload", "i1") in host.client.asked)
    host.loaded = {}
    host.models_changed.emit()
    assert popover.models == {}
    assert popover.none.isVisible()


def test_the_popover_is_gone_through_and_closed_by_keyboard(
    qtbot: QtBot, host: FakeHost, popover: MemoryPopover
) -> None:
    names = []
    for _ in range(4):
        focused = popover.focusWidget()
        assert focused is not None
        names.append(QAccessible.queryAccessibleInterface(focused).text(QAccessible.Text.Name))
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert names == ["Guard: balanced", "Keep Gemma 3 4B Q4_K_M loaded", "Unload Gemma 3 4B Q4_K_M", names[0]]
    qtbot.keyClick(popover, Qt.Key.Key_Escape)
    assert not popover.isVisible()


def test_what_cannot_be_done_is_said_in_the_popover(qtbot: QtBot, host: FakeHost, popover: MemoryPopover) -> None:
    host.client.fail["unload"] = HostBusy("Gemma 3 4B is answering.", hint="Wait or stop it.")
    popover.models["i1"].unload.click()
    qtbot.waitUntil(lambda: popover.trouble.isVisible())
    assert popover.trouble.accessibleName() == "Gemma 3 4B is answering. Wait or stop it."


def test_words_for_how_long_a_model_stays() -> None:
    assert leaving_words(loaded_gemma(last_used=1000.0), 1000.0 + 1500) == "Leaves in 35 min"
    assert leaving_words(loaded_gemma(active=1), 5.0) == "Answering"
    assert leaving_words(loaded_gemma(ttl_s=None), 5.0) == "Stays until its memory is needed"
    assert leaving_words(loaded_gemma(state="loading", progress=0.4), 5.0) == "Loading 40 %"
    assert [duration_text(seconds) for seconds in (20, 89, 600, 5399, 12_000, 90_000)] == [
        "20 s", "89 s", "10 min", "1 h 30 min", "3 h 20 min", "25 h",
    ]  # fmt: skip
    assert predicted_words(loaded_gemma(predicted_bytes=None)) == "Takes 4.3 GB"
    assert predicted_words(loaded_gemma(measured_bytes=int(4.36 * GB))).endswith("(as predicted)")


def test_the_guard_says_what_it_means_and_custom_asks_for_a_number(qtbot: QtBot, host: FakeHost) -> None:
    card = MemoryCard(host)
    qtbot.addWidget(card)
    card.show()
    assert "5 %" in card.guard_row.about.text()
    assert not card.limit_row.isVisible()
    card.guard.activated.emit(4)
    qtbot.waitUntil(lambda: card.limit_row.isVisible())
    assert card.limit.value() == 48.0, "three quarters of the memory are offered"
    card.limit.setValue(20)
    card.limit.editingFinished.emit()
    card.ttl.setValue(0)
    card.ttl.editingFinished.emit()
    qtbot.waitUntil(lambda: len([method for method, _ in host.client.asked if method == "settings"]) == 3)
    _, limit, ttl = [value for method, value in host.client.asked if method == "settings"]
    assert limit.memory_limit_mib == 19_073
    assert ttl.model_ttl_minutes == 0


def test_the_window_shows_memory_and_tells_of_pressure(scene: Scene) -> None:
    scene.window.resize(1200, 800)
    scene.host._update(MemoryChanged(id="", memory=memory()))
    meter = scene.window.rail.meter
    assert meter.isVisible()
    assert [row.name for row in meter.gauges] == ["GPU", "RAM"]
    meter.click()
    popover = scene.window._memory
    assert popover.isVisible()
    popover.guard.click()
    assert scene.window.page() == "settings"
    text = "The computer ran short of memory: the prompts kept in memory were dropped."
    scene.host._update(MemoryPressure(id="", text=text))
    assert scene.window.bar.texts() == [text]


def test_settings_of_memory_are_stored_by_a_real_host(scene: Scene) -> None:
    scene.window.show_page("settings")
    card = scene.window.stack.currentWidget().memory
    card.guard.activated.emit(3)
    scene.until(lambda: scene.host.settings.memory_guard == "strict")
    assert "15 %" in card.guard_row.about.text()
    card.ttl.setValue(5)
    card.ttl.editingFinished.emit()
    scene.until(lambda: scene.host.settings.model_ttl_minutes == 5)


def test_a_load_that_the_guard_refuses_opens_the_dialog_with_the_way_out(
    open_window: Callable[[], Scene], home: Path
) -> None:
    folder = home / "models" / "test" / "large"
    folder.mkdir()
    (folder / "large.echo.json").write_text('{"text": "Large."}' + " " * 3_000_000)
    scene = open_window()
    scene.show()
    scene.host.change_settings(SettingsPatch(memory_guard="custom", memory_limit_mib=1))
    scene.until(lambda: scene.host.settings.memory_guard == "custom")
    scene.chat.head.model_chosen.emit(scene.model("large"))
    scene.until(lambda: scene.window.findChild(LoadDialog) is not None)
    dialog = scene.window.findChild(LoadDialog)
    assert dialog.trouble.isVisible()
    assert scene.window.bar.texts() == [], "said in one place"
    scene.until(lambda: dialog.force.isVisible())
    dialog.force.click()
    scene.until(lambda: scene.ready(scene.model("large")))


def test_the_picker_opens_the_load_settings_of_a_row(scene: Scene) -> None:
    picker = scene.chat.head.picker
    scene.chat.head.open_picker()
    scene.qtbot.keyClicks(picker.view, "fast")
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Return, Qt.KeyboardModifier.AltModifier)
    assert not picker.isVisible()
    dialog = scene.window.findChild(LoadDialog)
    assert dialog.isVisible()
    assert dialog.title.text() == "fast"
    scene.until(lambda: dialog.breakdown.notice.isVisible())
    scene.qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert GEMMA not in scene.host.models
