"""Names, Tab order and clipped words on every page, also at 200 % text and in the smallest window."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface, QFontMetrics
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from paddock.gui.widgets import ElidedLabel
from paddock.gui.widgets.menu import Menu

Scene = Any
PAGES = ("chat", "server", "settings")
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    """The window as it opens."""
    yield chat_scene
    chat_scene.app.themes.set(choice="system", zoom=1.0)
    chat_scene.window.show_page("chat")
    chat_scene.window.resize(1280, 800)


def focusable(window: QWidget) -> list[QWidget]:
    return [
        widget
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled()
        and widget.focusProxy() is None
    ]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_everything_that_takes_focus_has_a_name_of_its_own(scene: Scene, page: str) -> None:
    scene.window.resize(1440, 900)
    scene.window.show_page(page)
    names = []
    for widget in focusable(scene.window):
        interface = QAccessible.queryAccessibleInterface(widget)
        name = interface.text(QAccessible.Text.Name)
        assert name, widget
        assert interface.role() != QAccessible.Role.NoRole, widget
        names.append((name, type(widget).__name__))
    assert len(names) > 5
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("page", PAGES)
def test_tab_visits_everything_and_comes_round(scene: Scene, page: str) -> None:
    scene.window.resize(1440, 900)
    scene.window.show_page(page)
    scene.window.activateWindow()
    wanted = {
        widget for widget in focusable(scene.window) if not isinstance(widget, QAbstractButton) or _tab_stop(widget)
    }
    start = scene.window.rail.buttons[scene.window.page()]
    start.setFocus(Qt.FocusReason.TabFocusReason)
    scene.until(lambda: QApplication.focusWidget() is start)
    seen: set[QWidget] = set()
    for _ in range(4 * len(wanted) + 40):
        focus = QApplication.focusWidget()
        assert focus is not None
        seen.add(focus)
        scene.qtbot.keyClick(focus, Qt.Key.Key_Tab)
        if QApplication.focusWidget() is start:
            break
    else:
        pytest.fail(f"Tab never came round; it stood at {QApplication.focusWidget()}")
    assert {_describe(widget) for widget in wanted - seen} == set()


def _tab_stop(button: QAbstractButton) -> bool:
    """Of buttons that exclude each other only the chosen one is a stop; the arrows reach the others."""
    return button.isChecked() or not button.autoExclusive()


def _describe(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.accessibleName()}"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("width", "height", "zoom"), [(720, 480, 1.0), (960, 600, 1.0), (1440, 900, 1.5), (1440, 900, 2.0)]
)
def test_no_word_is_clipped(scene: Scene, page: str, width: int, height: int, zoom: float) -> None:
    scene.window._themes.set(zoom=zoom)
    scene.window.show_page(page)
    scene.window.resize(width, height)

    def settled() -> None:
        assert scene.window.width() == width, "the page forces the window wider"
        assert [label.text() for label in scene.window.findChildren(QLabel) if _clipped(label)] == []

    scene.qtbot.waitUntil(settled)


def _clipped(label: QLabel) -> bool:
    if not label.isVisible() or not label.text() or isinstance(label, ElidedLabel):
        return False
    if not label.wordWrap():
        return label.width() < label.sizeHint().width() - 1
    longest = max(QFontMetrics(label.font()).horizontalAdvance(word) for word in label.text().split())
    return label.height() < label.heightForWidth(label.width()) - 1 or label.width() < longest


def test_elided_words_are_told_whole_by_the_tooltip(scene: Scene) -> None:
    scene.window.resize(720, 480)
    scene.chat.head.title.setText("A title that is much longer than any bar of a small window could ever hold " * 2)
    scene.until(lambda: scene.chat.head.title.toolTip() == scene.chat.head.title.text())
    assert _inside(scene.chat.head.inspector, scene.chat.head)
    assert _inside(scene.chat.head.chip, scene.chat.head)


def _inside(widget: QWidget, frame: QWidget) -> bool:
    return frame.rect().contains(QRect(widget.mapTo(frame, QPoint(0, 0)), widget.size()))


def test_breakpoints_fold_the_columns_away(scene: Scene) -> None:
    chat, rail = scene.chat, scene.window.rail
    scene.window.resize(1300, 800)
    assert chat.chats.isVisible()
    assert chat.inspector.isVisible()
    scene.window.resize(1100, 800)
    assert chat.chats.isVisible()
    assert not chat.inspector.isVisible()
    scene.window.resize(800, 600)
    assert not chat.chats.isVisible()
    assert chat.head.chats.isVisible()
    wide = rail.width()
    scene.window.resize(740, 500)
    assert rail.width() < wide
    scene.qtbot.mouseClick(chat.head.chats, Qt.MouseButton.LeftButton)
    assert chat.chats.isVisible()
    scene.qtbot.keyClick(chat.chats.search, Qt.Key.Key_Escape)
    assert not chat.chats.isVisible()
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    assert chat.inspector.isVisible()
    scene.window.resize(1300, 800)
    assert chat.inspector.isVisible()
    assert chat.chats.isVisible()


def test_f6_goes_round_the_regions(scene: Scene) -> None:
    scene.window.resize(1440, 900)
    scene.window.activateWindow()
    scene.chat.focus_composer()
    first = QApplication.focusWidget()
    seen = []
    for _ in range(8):
        scene.qtbot.keyClick(scene.window, Qt.Key.Key_F6)
        seen.append(QApplication.focusWidget())
        if seen[-1] is first:
            break
    assert seen[-1] is first
    assert {scene.chat.chats.search, scene.chat.head.chip, scene.chat.inspector.system} <= set(seen)


def test_zoom_keys_change_text_at_once_and_are_stored(scene: Scene) -> None:
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert scene.app.themes.theme.zoom == 1.1
    scene.until(lambda: scene.host.settings.text_zoom == 1.1)
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    scene.until(lambda: scene.host.settings.text_zoom == 1.0)


def nodes(interface: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    yield interface
    for number in range(interface.childCount()):
        child = interface.child(number)
        if child is not None:
            yield from nodes(child)


def test_an_answer_is_a_list_item_for_a_screen_reader(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("capital?")
    scene.answered()
    found = [
        node.text(QAccessible.Text.Name)
        for node in nodes(QAccessible.queryAccessibleInterface(scene.chat.view))
        if node.role() == QAccessible.Role.ListItem
    ]
    assert any("capital?" in name for name in found)
    assert any("Paris" in name for name in found)


def test_the_title_stays_in_sight_beside_a_very_long_model_name(scene: Scene) -> None:
    scene.window.resize(720, 480)
    models = list(scene.host.models.values())
    scene.host._set_models([msgspec.structs.replace(models[0], id="x/long", name="a very long name " * 12)])
    scene.dialogue.title = "Horses"
    scene.dialogue.set_model("x/long")
    head = scene.chat.head
    scene.until(lambda: head.chip.geometry().right() < head.inspector.geometry().left())
    assert head.title._shown() == "Horses"
    scene.host._set_models(models)


def test_the_silk_in_the_head_follows_the_theme(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    scene.until(lambda: scene.ready(scene.dialogue.model))
    for mode in ("dark", "light"):
        scene.app.themes.set(choice=mode)
        wanted = scene.app.themes.theme.silk(scene.host.silk(scene.dialogue.model))
        assert scene.chat.head.chip._dot == wanted


class Restyled(QObject):
    """Counts how often each widget of ``window`` is told of a new style, while it is entered."""

    def __init__(self, window: QWidget) -> None:
        super().__init__()
        self._widgets = [window, *window.findChildren(QWidget)]
        self.counts: Counter[QObject] = Counter()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.StyleChange:
            self.counts[watched] += 1
        return False

    def __enter__(self) -> Counter[QObject]:
        for widget in self._widgets:
            widget.installEventFilter(self)
        return self.counts

    def __exit__(self, *_: object) -> None:
        for widget in self._widgets:
            widget.removeEventFilter(self)


def test_a_new_theme_restyles_no_widget_for_each_of_its_ancestors(scene: Scene) -> None:
    scene.app.themes.set(choice="light")
    scene.window.show_page("settings")
    form = scene.window.stack.currentWidget().form
    bar = form.verticalScrollBar()
    scene.until(lambda: bar.maximum() > 300)
    bar.setValue(300)
    with Restyled(scene.window) as counts:
        scene.app.themes.set(choice="dark")
    assert max(counts.values()) <= 2
    assert bar.value() == 300, "it stays where it was read"


def test_menus_open_without_a_new_style_for_anything(scene: Scene) -> None:
    menu = Menu(scene.window)
    below = menu.submenu("Move to")
    for number in range(50):
        below.addAction(f"Folder {number}")
    with Restyled(scene.window) as counts:
        menu.popup(scene.window.mapToGlobal(QPoint(10, 10)))
        below.popup(scene.window.mapToGlobal(QPoint(90, 10)))
    shown = (menu.isVisible(), below.isVisible())
    menu.close()
    menu.deleteLater()
    assert shown == (True, True)
    assert not counts
