"""What the window and the desktop are told of downloads and jobs that end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import msgspec
import pytest
from download_fakes import JOB, download
from downloads_place import Place

from paddock.gui.bridge import Bridge
from paddock.gui.notifications import Notifications
from paddock.sdk.errors import ErrorInfo

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Desktop:
    """What the desktop was told; the first notice is answered with ``choice``."""

    def __init__(self, choice: str) -> None:
        self.choice = choice
        self.told: list[tuple[str, list[str]]] = []

    async def show(self, title: str, body: str, actions: Mapping[str, str]) -> AsyncGenerator[str, None]:
        self.told.append((body, list(actions)))
        yield self.choice


class Goals:
    """Where a notice led to."""

    def __init__(self) -> None:
        self.gone: list[tuple[str, str]] = []

    def chat_with(self, model: str) -> None:
        self.gone.append(("chat", model))

    def load_with_settings(self, model: str) -> None:
        self.gone.append(("load", model))

    def show_page(self, page: str) -> None:
        self.gone.append(("page", page))

    def come_forward(self, token: str = "") -> None:
        self.gone.append(("forward", token))


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere Qt's tray icon speaks")
def test_a_download_that_ends_behind_another_window_is_told_on_the_desktop(place: Place) -> None:
    bridge = Bridge(lambda error: None)
    bridge.start()
    desktop, goals = Desktop("chat"), Goals()
    in_front = True
    Notifications(place.host, place.messages, bridge, goals, show=desktop.show, in_front=lambda: in_front).setParent(
        place.window
    )
    model = next(iter(place.host.models.values()))
    place.host.tell(download("a"), download("a", "done", path=model.path))
    assert place.notices() == ["Model-a-GGUF Q4_K_M is here, 5.0 GB."]
    (notice,) = place.window.bar.rows()
    notice.card.second_triggered.emit()
    assert goals.gone == [("chat", model.id)]
    assert desktop.told == [], "whoever looks at the window sees it there"
    in_front = False
    place.host.tell(download("b"), download("b", "done", path=model.path))
    place.qtbot.waitUntil(lambda: len(goals.gone) == 3)
    assert desktop.told == [("Model-b-GGUF Q4_K_M is here, 5.0 GB.", ["load", "chat"])]
    assert goals.gone[1:] == [("forward", ""), ("chat", model.id)]
    place.host.settings = msgspec.structs.replace(place.host.settings, notify=False)
    place.host.tell(msgspec.structs.replace(JOB, state="failed", error=ErrorInfo(code="x", message="No room.")))
    assert place.notices()[-1] == "Quantise it: failed. No room."
    assert len(desktop.told) == 1, "the setting holds"
    full = ErrorInfo(code="storage_failed", message="The disk is full.", hint="Make room and resume.")
    place.host.tell(download("c"), download("c", "paused", error=full), download("c", "paused", error=full))
    assert place.notices()[-1] == "Model-c-GGUF Q4_K_M had to be paused. The disk is full. Make room and resume."
    bridge.close()
