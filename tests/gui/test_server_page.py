"""The Server page against a real host."""

import json
import socket
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hands import type_in
from own_pages import home_of, opens_anew
from PySide6.QtGui import QGuiApplication

from paddock.gui.widgets import Divider
from paddock.sdk.events import ServerChanged
from paddock.sdk.host import ServerRequest

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


scene = pytest.fixture(opens_anew)
home = pytest.fixture(home_of)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settled(scene: Scene, page: Any, *, on: bool) -> None:
    """Wait until the host has done it, and the page takes the next click."""
    scene.until(lambda: scene.host.server.running == on and not page._busy)


def room_below(row: Any) -> int:
    """Pixels from what stands in a row of a card to the line after it."""
    return int(row.layout().contentsMargins().bottom() + row.parentWidget().layout().spacing())


def test_the_switch_opens_the_api_server_and_closes_it(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    port = free_port()
    page.port.setValue(port)
    assert scene.model("fast") in page.served.text().replace("\u2060", "").split(", ")
    page.switch.setFocus()
    page.switch.click()
    settled(scene, page, on=True)
    assert page.switch.isChecked()
    assert scene.window.focusWidget() is page.switch, "it can be switched back by the same key"
    assert str(port) in page.address.text.text()
    assert page.reach.text() == "Every user of this computer can reach this address. Other computers cannot."
    page.address.button.click()
    url = QGuiApplication.clipboard().text()
    with urllib.request.urlopen(f"{url}/models", timeout=60) as answer:
        assert scene.model("fast") in [item["id"] for item in json.load(answer)["data"]]
    page.switch.click()
    settled(scene, page, on=False)
    assert not page.reach.isVisible()
    assert not page.address.button.isEnabled(), "there is nothing to reach at the address while it is off"


def test_what_is_told_late_does_not_take_back_an_answer(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    page.port.setValue(free_port())
    page.switch.click()
    settled(scene, page, on=True)
    late = ServerChanged(id="server", status=scene.host.server)
    page.switch.click()
    settled(scene, page, on=False)
    scene.host._update(late)
    assert not page.switch.isChecked()
    assert not scene.host.server.running


def test_a_taken_port_is_told_in_place_with_a_way_out(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        page.port.setValue(port)
        page.switch.click()
        scene.until(lambda: page.notice.isVisible())
        assert str(port) in page.notice.accessibleName()
        assert not page.switch.isChecked()
        assert page.port.value() == port, "what was asked for stays"
        line = page.notice.parentWidget().findChild(Divider)
        scene.until(lambda: line.y() - page.notice.geometry().bottom() - 1 == room_below(page.state))
        assert f":{port}/" in page.address.text.text(), "the address is that of the port"
        page.notice.action_triggered.emit()
        settled(scene, page, on=True)
    assert scene.host.server.port != port
    assert not page.notice.isVisible()
    scene.until(lambda: line.y() - page.state.geometry().bottom() - 1 == line.parentWidget().layout().spacing())
    used = scene.host.server.port
    page.switch.click()
    settled(scene, page, on=False)
    assert page.port.value() == used, "a port that is free is not given up for the one that was not"


def test_what_is_said_of_a_port_goes_when_it_no_longer_matters(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()

    def refused() -> None:
        page.switch.click()
        scene.until(lambda: str(port) in page.notice.accessibleName() and page.notice.isVisible())
        scene.until(lambda: bool(scene.host.server.error))

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        page.port.setValue(port)
        refused()
        scene.ask(lambda client: client.set_server(ServerRequest(running=False)))
        scene.until(lambda: not scene.host.server.error)
        assert not page.notice.isVisible(), "somebody has switched it off since"
        refused()
        type_in(page.port, str(other := free_port()))
        assert not page.notice.isVisible(), "it is another port now"
        assert f":{other}/" in page.address.text.text()
        assert f":{other}/" in page.code.toPlainText()
        page.switch.setFocus()
        page.refresh()
        assert page.port.value() == other, "also when the page is shown anew before it is switched on"


def test_a_port_that_was_chosen_is_kept_and_one_that_was_a_way_out_is_not(scene: Scene, home: Path) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()

    def kept() -> object:
        return tomllib.loads((home / "settings.toml").read_text()).get("api_port")

    type_in(page.port, str(off := free_port()))
    scene.until(lambda: kept() == off)
    page.port.setValue(started := free_port())
    page.switch.click()
    settled(scene, page, on=True)
    scene.until(lambda: kept() == started)
    type_in(page.port, str(moved := free_port()))
    scene.until(lambda: kept() == moved)
    page.switch.click()
    settled(scene, page, on=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", moved))
        taken.listen()
        page.switch.click()
        scene.until(lambda: page.notice.isVisible())
        page.notice.action_triggered.emit()
        settled(scene, page, on=True)
    page.switch.click()
    settled(scene, page, on=False)
    page.port.editingFinished.emit()  # the field loses the keyboard
    assert scene.ask(lambda client: client.settings()).api_port == moved


def test_a_server_stays_where_it_is_when_the_port_it_is_to_go_to_is_taken(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    page.port.setValue(own := free_port())
    page.switch.click()
    settled(scene, page, on=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        type_in(page.port, str(port))
        scene.until(lambda: str(port) in page.notice.accessibleName() and page.notice.isVisible())
        assert (page.port.value(), page.switch.isChecked()) == (own, True)
        assert f":{own}/" in page.address.text.text()
        scene.until(lambda: bool(scene.host.server.error))
        assert page.notice.isVisible(), "also when the host has told it"
        page.notice.action_triggered.emit()
        scene.until(lambda: scene.host.server.port not in (own, port))
        scene.until(lambda: not page.notice.isVisible())
        assert scene.host.server.port > port, "the next after the one that was wanted"
    settled(scene, page, on=True)
    page.switch.click()
    settled(scene, page, on=False)
    assert not page.notice.isVisible()


def test_snippets_hold_the_address_and_are_copied(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    for chip in page.tabs:
        chip.click()
        page.copy_button.click()
        assert QGuiApplication.clipboard().text() == page.code.toPlainText()
    page.tabs[1].click()
    assert 'base_url="http://127.0.0.1:' in page.code.toPlainText()
    compile(page.code.toPlainText(), "snippet", "exec")
