"""Pictures of Discover, Downloads, Models, the first screen and Settings for :mod:`paddock.gui.screens`."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QItemSelectionModel
from PySide6.QtWidgets import QScrollArea

from paddock.gui.pages.discover import DiscoverPage
from paddock.gui.pages.download_popover import DownloadPopover
from paddock.gui.pages.import_dialog import ImportDialog
from paddock.gui.pages.models import ModelsPage
from paddock.gui.pages.models_trash import TrashDialog
from paddock.gui.pages.open_sheet import OpenSheet
from paddock.gui.pages.quantize_dialog import QuantizeDialog
from paddock.gui.pages.settings_sections import TITLES
from paddock.gui.screens_content import (
    ALIASES,
    DOWNLOADS,
    LATER,
    LOADED,
    NOTE,
    PLANNED,
    REPOS,
    SELECTED,
    TO_QUANTIZE,
    TRASHED,
)
from paddock.gui.screens_hub import TestHub
from paddock.gui.screens_moments import estimated
from paddock.gui.screens_studio import LARGE, NotDrawn, Studio
from paddock.sdk.host import SettingsPatch
from paddock.sdk.library import QuantizeRequest

SLOW = 400_000
"""Bytes per second and connection while pictures of downloads are taken."""


class BrowserPictures:
    """What a person with some models sees, on the hub of the tests."""

    def __init__(self, studio: Studio, hub: TestHub) -> None:
        self._studio = studio
        self._hub = hub
        self._job = ""

    # ---------------------------------------------------------------- what is to be seen

    def plan(self, name: str) -> None:
        """Machines that the person plans for."""
        self._studio.ask(lambda client: client.patch_settings(SettingsPatch(planned_machines=PLANNED)))

    def note(self, name: str) -> None:
        self._studio.ask(lambda client: client.patch_model(LOADED, notes=NOTE, aliases=ALIASES))

    def throw_away(self, name: str) -> None:
        self._studio.ask(lambda client: client.delete_model(TRASHED))

    def get(self, name: str) -> None:
        """A model that came, and others on their way."""
        studio = self._studio
        self._download(DOWNLOADS["done"])
        studio.until(lambda: self._state(DOWNLOADS["done"]) == "done", "A download that is done")
        self._hub.set_rate(SLOW)
        for which in ("failed", "running", "waiting", "later"):
            self._download(DOWNLOADS[which])
        paused = self._download(DOWNLOADS["paused"])
        studio.until(lambda: self._state(DOWNLOADS["failed"]) == "failed", "A download that fails")
        studio.ask(lambda client: client.pause_download(paused))
        studio.until(lambda: any(item.speed for item in studio.host.downloads.values()), "A download's speed")
        studio.window.bar.settle()

    def _download(self, source: str) -> str:
        """Its id."""
        return self._studio.ask(lambda client: client.download(source)).id

    def _state(self, source: str) -> str:
        return next((item.state for item in self._studio.host.downloads.values() if item.model == source), "")

    def quantize(self, name: str) -> None:
        """Begin what takes a while; the pictures of the downloads have it."""
        request = QuantizeRequest(model=TO_QUANTIZE, quant="Q5_K_M")
        self._job = self._studio.ask(lambda client: client.quantize(request)).id

    def end(self) -> None:
        """End what was begun."""
        if self._job:
            self._studio.tell(lambda client: client.cancel_job(self._job))

    # ---------------------------------------------------------------- Discover

    def _discover(self, repo: str = "") -> DiscoverPage:
        studio = self._studio
        studio.window.activateWindow()  # a dialog took the keyboard, and no desktop is here to give it back
        studio.window.show_page("discover")
        page = cast(DiscoverPage, studio.window.stack.currentWidget())
        studio.until(lambda: bool(page.search.list.rows), "The results")
        if repo:
            page.show_repo(repo)
            model = page.model
            studio.until(lambda: model.model is not None and model.repo == repo, f"The files of {repo}")
            studio.until(lambda: model.asker.settled, f"The fits of {repo}")
        return page

    def discover(self, name: str) -> None:
        page = self._discover(REPOS["usual"])
        self._studio.save(f"discover-{name}")
        page.model.fit.machine.choose(PLANNED[0])
        self._studio.until(lambda: page.model.asker.settled, "The fits of a planned machine")
        self._studio.save(f"discover-planned-{name}")
        page.model.fit.machine.choose("")

    def card(self, name: str) -> None:
        page = self._discover(REPOS["usual"])
        page.model.show_card()
        self._studio.save(f"discover-card-{name}")
        page.model.show_files()

    def gated(self, name: str) -> None:
        self._discover(REPOS["gated"])
        self._studio.save(f"discover-gated-{name}")

    def large_model(self, name: str) -> None:
        self._discover(REPOS["large"])
        self._studio.save(f"discover-large-{name}")

    def searched(self, name: str) -> None:
        page = self._search("qwen 8b")
        self._studio.save(f"discover-search-{name}")
        page.search.search.clear()

    def nothing(self, name: str) -> None:
        page = self._search("zebra 900b")
        self._studio.save(f"discover-nothing-{name}")
        page.search.search.clear()

    def offline(self, name: str) -> None:
        """After the hub has gone: what it said last, and what it never said."""
        page = self._search("qwen 8b")
        self._studio.save(f"discover-offline-{name}")
        self._search("mistral")
        self._studio.save(f"discover-unreachable-{name}")
        page.search.search.clear()

    def _search(self, words: str) -> DiscoverPage:
        page = self._discover()
        page.focus_search()
        page.search.search.setText(words)
        page.search.search.returnPressed.emit()
        found, others = page.search.count, (page.search.nothing, page.search.notice)
        answered = f"The answer to “{words}”"
        self._studio.until(lambda: bool(found.text()) or any(not part.isHidden() for part in others), answered)
        return page

    # ---------------------------------------------------------------- downloads

    def downloads(self, name: str) -> None:
        studio = self._studio
        studio.window.show_page("downloads")
        studio.save(f"downloads-{name}")
        studio.window.show_page("chat")
        studio.window.show_downloads()
        popover = studio.part(DownloadPopover)
        studio.save(f"downloads-popover-{name}", popover)
        popover.hide()

    # ---------------------------------------------------------------- models

    def _models(self, model: str = LOADED) -> ModelsPage:
        studio = self._studio
        studio.window.show_page("models")
        page = cast(ModelsPage, studio.window.stack.currentWidget())
        studio.until(lambda: bool(page.problems.rows), "What is wrong in the folders")
        studio.settle()  # what is shown comes into the middle of the room that is left
        page.show_model(model)
        studio.until(lambda: estimated(page, model), f"The estimate of {model}")
        return page

    def models(self, name: str) -> None:
        page = self._models()
        page.open_pane(False)
        self._studio.save(f"models-{name}")
        page.open_pane(True)
        self._studio.save(f"models-details-{name}")
        bar = self._studio.part(QScrollArea, page.pane).verticalScrollBar()
        self._studio.settle()
        bar.setValue(bar.maximum())
        self._studio.save(f"models-foot-{name}")
        bar.setValue(0)

    def selected(self, name: str) -> None:
        page = self._models()
        page.open_pane(False)
        both = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in page.table.rows_of(SELECTED):
            page.view.selectionModel().select(page.table.index(row, 0), both)
        self._studio.save(f"models-selected-{name}")
        page.view.clearSelection()

    def broken(self, name: str) -> None:
        page = self._models()
        page.open_pane(False)
        page.problems.unfold.click()
        self._studio.save(f"models-problems-{name}")
        page.problems.unfold.click()

    def dialogs(self, name: str) -> None:
        studio, page = self._studio, self._models()
        page.doing.quantize(TO_QUANTIZE)
        quantise = studio.part(QuantizeDialog)
        studio.until(lambda: quantise.choice() is not None, "The quants")
        studio.save(f"quantise-{name}", quantise)
        quantise.reject()
        page.doing.import_paths([studio.host.models[TO_QUANTIZE].path])
        adding = studio.part(ImportDialog)
        studio.until(lambda: bool(adding.previews), "What would be added")
        studio.save(f"import-{name}", adding)
        adding.reject()
        page.doing.open_trash()
        trash = studio.part(TrashDialog)
        studio.until(lambda: bool(trash.rows), "What lies in the trash")
        studio.save(f"trash-{name}", trash)
        trash.reject()

    # ---------------------------------------------------------------- the rest

    def newcomer(self, name: str) -> None:
        """No conversations yet."""
        self._studio.window.show_page("chat")
        self._studio.chat.columns.show_chats()
        self._studio.save(f"chats-none-{name}")
        self._studio.chat.columns.close_overlay()

    def opened(self, name: str) -> None:
        """A file of a model that was dropped on the window."""
        studio = self._studio
        studio.window.opener.open_paths([studio.host.models[TO_QUANTIZE].path])
        sheet = studio.part(OpenSheet)
        studio.until(lambda: sheet.facts.text() != "Looking…" and bool(sheet.verdict.text()), "What the file is")
        studio.save(f"open-{name}", sheet)
        sheet.reject()

    def first_run(self, name: str) -> None:
        studio = self._studio
        studio.window.welcome.show()
        screen = studio.window.welcome.screen
        if screen is None:
            raise NotDrawn("The first screen did not come.")
        studio.until(lambda: bool(screen.rows) and bool(screen.switches), "What the first screen shows")
        studio.save(f"first-run-{name}")
        studio.window.show_page("chat")

    def settings(self, name: str) -> None:
        studio = self._studio
        whole = (studio.window.width(), studio.window.height()) == LARGE
        for section in TITLES if whole else LATER:
            studio.window.show_settings(section)
            studio.settle()
            studio.save(f"settings-{section}-{name}")
