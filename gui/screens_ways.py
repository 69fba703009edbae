"""Pictures of menus, sheets and further turns of comparisons, of Discover and of Downloads, for ``screens``."""

from __future__ import annotations

from typing import cast

from PySide6.QtWidgets import QMenu

from paddock.gui.pages.discover_filters import FilterChip
from paddock.gui.pages.downloads import DownloadsPage
from paddock.gui.pages.export_dialog import ExportDialog
from paddock.gui.pages.model_picker import ModelPicker
from paddock.gui.screens_browser import BrowserPictures
from paddock.gui.screens_compare import QUANTS, QUESTION, SIX
from paddock.gui.screens_content import REPOS
from paddock.gui.screens_judging import JudgingPictures

AGAIN = "And one reason to write a long one? " + "Say it as you would to a colleague who likes long ones. " * 4


class ComparedWays(JudgingPictures):
    """What opens from a comparison."""

    def ways(self, name: str) -> None:
        """The menu of the comparison, the choice of a model, the export side by side."""
        studio = self._studio
        self._open(SIX[:3])
        view = self._view()
        view.head_tools.open_menu()
        studio.save(f"compare-more-{name}", view.head_tools.menu)
        view.head_tools.menu.close()
        view.deeds.choose_model(view.session.panes[1].id)
        picker = studio.part(ModelPicker)
        studio.save(f"compare-picker-{name}", picker)
        picker.hide()
        view.judging.export()
        dialog = studio.part(ExportDialog)
        studio.save(f"compare-export-{name}", dialog)
        dialog.reject()

    def second_turn(self, name: str) -> None:
        """A second, long question; then the standings of quants, of which two have met."""
        view = self._begin(SIX[:3])
        for number, words in enumerate((QUESTION, AGAIN), 1):
            view.send(words)
            done = f"The answers to question {number}"
            self._studio.until(lambda number=number: len(view.session.turns()) == number, done)  # type: ignore[misc]
            self._studio.until(lambda: not view.session.running, done)
        self._studio.save(f"compare-turns-{name}")
        self._asked(QUANTS)
        self._open_board("quant", name)


class BrowserWays(BrowserPictures):
    """What opens from Discover and Downloads."""

    def filters(self, name: str) -> None:
        """The menus of a file and of the filters."""
        page = self._discover(REPOS["usual"])
        menu, rows = page.model.menu_for("Q4_K_M"), page.model.table.view
        if menu is not None:
            chosen = rows.label()
            rows.setCurrentIndex(rows.files.row_of("Q4_K_M"))
            self._studio.until(lambda: page.model.asker.settled, "What the file takes")
            place = rows.visualRect(rows.currentIndex()).center()
            bar, seen = page.model.area.verticalScrollBar(), page.model.area.viewport()
            bar.setValue(bar.value() + rows.viewport().mapTo(seen, place).y() - seen.height() // 2)
            self._studio.settle()
            menu.popup(rows.viewport().mapToGlobal(place))
            self._studio.save(f"discover-file-{name}", menu)
            menu.close()
            rows.setCurrentIndex(rows.files.row_of(chosen))
            self._studio.until(lambda: page.model.asker.settled, "What the first one takes")
            bar.setValue(0)
        page.focus_search()
        for chip, picture in ((page.search.filters.capability, "capability"), (page.search.filters.more, "more")):
            self._pop_up(chip, f"discover-{picture}-{name}")

    def _pop_up(self, chip: FilterChip, picture: str) -> None:
        chip.open_menu()
        menu = self._studio.part(QMenu, chip)
        self._studio.save(picture, menu)
        menu.close()

    def details(self, name: str) -> None:
        """Downloads with their files, and a limit."""
        studio = self._studio
        studio.window.show_page("downloads")
        page = cast(DownloadsPage, studio.window.stack.currentWidget())
        row = next(iter(page.sections["running"].rows.rows.values()))
        row.more.click()
        page.limit.switch.click()
        studio.until(lambda: studio.host.settings.download_limit > 0, "The limit")
        studio.save(f"downloads-files-{name}")
        row.more.click()
        page.limit.switch.click()
        studio.until(lambda: not studio.host.settings.download_limit, "The end of the limit")
