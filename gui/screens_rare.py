"""Pictures of what is seldom seen: empty places, questions, refusals, large text, for :mod:`paddock.gui.screens`."""

from __future__ import annotations

import socket
from typing import cast

import msgspec
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.messages import Action
from paddock.gui.pages.download_popover import DownloadPopover
from paddock.gui.pages.inspector_prompts import PromptLibrary
from paddock.gui.pages.memory_popover import MemoryPopover
from paddock.gui.pages.models import ModelsPage
from paddock.gui.pages.models_trash import TrashDialog
from paddock.gui.pages.open_sheet import OpenSheet
from paddock.gui.pages.server import ServerPage
from paddock.gui.pages.shortcuts import ShortcutsDialog
from paddock.gui.screens_chat import ChatPictures
from paddock.gui.screens_content import DOWNLOADS, LOADED, LONG, LONGEST, PRESSED, REPOS
from paddock.gui.screens_moments import estimated
from paddock.gui.screens_studio import NotDrawn, Studio
from paddock.gui.widgets.question import Question
from paddock.sdk.downloads import Download, DownloadFile, DownloadState
from paddock.sdk.host import ServerRequest, SettingsPatch
from paddock.sdk.memory import Holder, MemoryState

LEFT = 380_000_000
"""Bytes of a machine that is very short of memory."""


class RarePictures(ChatPictures):
    """In a window with the conversations of ``chat``."""

    def __init__(self, studio: Studio, chat: ChatPictures) -> None:
        super().__init__(studio)
        self._made = chat._made

    # ---------------------------------------------------------------- with many models

    def large_text(self, name: str) -> None:
        """Text at 150 % and rows close together, where most is to be read."""
        studio = self._studio
        self._set(SettingsPatch(text_zoom=1.5, density="compact"), 1.5)
        studio.window.show_page("chat")
        studio.chat.open(self._made["chat-rich"])
        self._until_stored(self._made["chat-rich"], 2)
        self._until_counted()
        studio.save(f"text-150-chat-{name}")
        studio.window.show_settings("appearance")
        studio.save(f"text-150-settings-{name}")
        studio.window.show_page("models")
        studio.save(f"text-150-models-{name}")
        self._set(SettingsPatch(text_zoom=1.0, density="comfortable"), 1.0)

    def _set(self, patch: SettingsPatch, zoom: float) -> None:
        studio = self._studio
        studio.ask(lambda client: client.patch_settings(patch))
        studio.until(lambda: studio.app.themes.theme.zoom == zoom, "The size of the text")

    def named(self, name: str) -> None:
        """Models whose names have 40 and 200 characters, where they are listed, shown and on their way."""
        studio, longest = self._studio, self._echo(LONGEST)
        studio.window.show_page("models")
        page = cast(ModelsPage, studio.window.stack.currentWidget())
        page.show_model(longest)
        studio.until(lambda: estimated(page, longest), "The estimate")
        page.open_pane(False)
        studio.save(f"models-longest-{name}")
        page.open_pane(True)
        studio.save(f"models-longest-details-{name}")
        page.open_pane(False)
        studio.window.show_page("downloads")
        self._get_longest()
        studio.save(f"downloads-longest-{name}")
        studio.window.show_page("chat")
        studio.window.show_downloads()
        self._get_longest()
        self._over(f"downloads-popover-longest-{name}", studio.part(DownloadPopover))
        self._show_downloads()

    def _get_longest(self) -> None:
        """After what the page asked the host for has come."""
        studio = self._studio
        studio.ask(lambda client: client.downloads())
        studio.settle()
        self._show_downloads(_coming("running", LONG), _coming("paused", LONGEST))

    def _show_downloads(self, *downloads: Download) -> None:
        host = self._studio.host
        host.downloads = {item.id: item for item in downloads}
        host.downloads_changed.emit()

    def served(self, name: str) -> None:
        """Off, with models of long names, and with a port that another program has."""
        studio = self._studio
        studio.ask(lambda client: client.set_server(ServerRequest(running=False)))
        studio.window.show_page("server")
        page = studio.part(ServerPage)
        studio.until(lambda: not page.switch.isChecked(), "The server that is off")
        studio.save(f"server-off-{name}")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            page.port.setValue(port)
            page.switch.click()
            studio.until(lambda: str(port) in page.notice.accessibleName(), "What is said of the port")
            studio.save(f"server-port-{name}")
        page.port.setValue(studio.host.settings.api_port)

    def notices(self, name: str) -> None:
        """Three at once, each with what can be done."""
        studio = self._studio
        studio.window.show_page("chat")
        studio.chat.new_chat()
        undo = Action("Undo", lambda: None)
        studio.messages.info("“Tax letter, first draft” was deleted.", undo, seconds=None)
        studio.messages.warn("The disk of /home/ada/models is full: 1.2 GB more are needed.")
        studio.messages.error("The llama.cpp engine was killed from outside with SIGKILL.")
        studio.save(f"notices-{name}")
        studio.window.bar.settle()

    # ---------------------------------------------------------------- with one

    def load_more(self, name: str) -> None:
        """All settings of a load."""
        studio = self._studio
        dialog = studio.chat.open_load_dialog(self._answering_model())
        if dialog is None:
            raise NotDrawn("The load dialog did not open.")
        studio.until(lambda: dialog.breakdown.estimate is not None and dialog.estimator.settled, "The estimate")
        dialog.settings.unfold.click()
        studio.save(f"load-more-{name}", dialog)
        dialog.reject()

    def short_of_memory(self, name: str) -> None:
        """Nothing is loaded; and the machine has too little left."""
        studio = self._studio
        for instance in list(studio.host.loaded):
            studio.ask(lambda client, instance=instance: client.unload(instance))  # type: ignore[misc]
        studio.until(lambda: not studio.host.loaded, "The unloading")
        studio.window.show_page("chat")
        enough = studio.host.memory
        for picture, memory in (("memory-empty", enough), ("memory-pressure", _pressed(enough))):
            studio.host.memory = memory
            studio.host.memory_changed.emit()
            studio.window.show_memory()
            self._over(f"{picture}-{name}", studio.part(MemoryPopover))
        studio.host.memory = enough
        studio.host.memory_changed.emit()

    def prompt(self, name: str) -> None:
        """A saved prompt that asks for something, and all samplers."""
        studio, inspector = self._studio, self._studio.chat.inspector
        studio.window.show_page("chat")
        studio.chat.columns.show_inspector()
        inspector.section.more.set_open(True)
        studio.save(f"samplers-{name}")
        inspector.section.more.set_open(False)
        self._inspect_from_the_top()
        inspector.open_library()
        library = studio.part(PromptLibrary)
        studio.until(lambda: library.list.count() > 1, "The saved prompts")
        library.list.setCurrentRow(library.list.count() - 1)
        studio.save(f"prompts-chosen-{name}", library)
        library.reject()
        studio.chat.columns.close_overlay()

    def nothing_there(self, name: str) -> None:
        """An empty trash, and shortcuts that nobody has."""
        studio = self._studio
        studio.window.show_page("models")
        studio.part(ModelsPage).doing.open_trash()
        trash = studio.part(TrashDialog)
        studio.until(lambda: trash.about.text() != "Reading…", "The trash")
        self._over(f"trash-empty-{name}", trash)
        studio.window.show_page("chat")
        studio.window.finder.show_shortcuts()
        shortcuts = studio.part(ShortcutsDialog)
        shortcuts.field.setText("zzqq")
        self._over(f"shortcuts-nothing-{name}", shortcuts)

    def _over(self, name: str, part: QWidget) -> None:
        self._studio.save(name, part)
        part.close()


def _pressed(memory: MemoryState) -> MemoryState:
    """The same machine with all but :data:`LEFT` of it held by another program."""
    replace, machine = msgspec.structs.replace, memory.devices[0]
    held = machine.device.total - LEFT
    machine = replace(
        machine,
        device=replace(machine.device, free=LEFT),
        others=held,
        free=0,
        holders=(Holder(name="blender", bytes=held * 9 // 10),),
    )
    return replace(memory, devices=(machine, *memory.devices[1:]), pressure=PRESSED)


def _coming(state: DownloadState, name: str) -> Download:
    """A part of a model that is on its way."""
    file = DownloadFile(path=f"{name}-Q4_K_M.gguf", name=f"{name}-Q4_K_M.gguf", size=4_800_000_000)
    repo, moving = f"bartowski/{name}", state == "running"
    return Download(
        id=name, model=f"{repo}:Q4_K_M", repo=repo, revision="6da5e04098", files=(file,), state=state,
        done_bytes=1_900_000_000, speed=5_600_000 if moving else None, seconds_left=518 if moving else None,
    )  # fmt: skip


class RareBrowsing:
    """In a window with a person's models and downloads."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def rare_models(self, name: str) -> None:
        """None that fits the words, and what can be done with one."""
        studio = self._studio
        studio.window.show_page("models")
        page = cast(ModelsPage, studio.window.stack.currentWidget())
        page.show_model(LOADED)
        studio.until(lambda: estimated(page, LOADED), "The estimate")
        page.open_pane(False)
        page.view.setFocus()
        page.view.customContextMenuRequested.emit(page.view.visualRect(page.view.currentIndex()).center())
        menu = studio.part(QMenu)
        studio.save(f"models-menu-{name}", menu)
        menu.close()
        page.filter.search.setText("zzqq")
        studio.until(lambda: page.stack.currentWidget() is page.nothing, "That nothing fits")
        studio.save(f"models-nothing-{name}")
        page.filter.search.clear()

    def told(self, name: str) -> None:
        """A download that has come, one that failed, and the question before the window goes."""
        studio, host = self._studio, self._studio.host
        studio.window.show_page("chat")
        for picture, source in (("notice-download", DOWNLOADS["done"]), ("notice-failed", DOWNLOADS["failed"])):
            host.download_ended.emit(next(item for item in host.downloads.values() if item.model == source))
            studio.save(f"{picture}-{name}")
            studio.window.bar.settle()
        QTimer.singleShot(0, lambda: self._asked(f"quit-downloads-{name}"))
        studio.window.quit_question.may_quit()

    def _asked(self, name: str) -> None:
        box = self._studio.part(Question)
        self._studio.save(name, box)
        box.reject()

    def address(self, name: str) -> None:
        """A model that another program asks for."""
        studio = self._studio
        studio.window.opener.open_address(f"paddock://open?repo={REPOS['usual']}")
        sheet = studio.part(OpenSheet)
        studio.until(lambda: bool(sheet.verdict.text()), "Whether it fits")
        studio.save(f"open-address-{name}", sheet)
        sheet.reject()
