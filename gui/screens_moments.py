"""Pictures of moments in a conversation, and of long names, for :mod:`paddock.gui.screens`."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPolygon
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.pages.account_settings import AccountCard, account_words
from paddock.gui.pages.chat_pictures import PictureSheet
from paddock.gui.pages.chats_tags import TagsDialog
from paddock.gui.pages.composer_context import ContextPopup
from paddock.gui.pages.data_settings import DataCard
from paddock.gui.pages.dialogue_revisions import RevisionsDialog
from paddock.gui.pages.inspector_presets import NameSheet
from paddock.gui.pages.memory_popover import MemoryPopover
from paddock.gui.pages.model_picker import ModelPicker
from paddock.gui.pages.models import ModelsPage
from paddock.gui.screens_chat import ChatPictures
from paddock.gui.screens_content import (
    LONG,
    LONG_TITLE,
    LONGEST,
    REPAIRED,
    REWORDED,
    RICH,
    SHOWN,
    TWICE,
    WAITING,
)
from paddock.gui.widgets.popup import Popup
from paddock.gui.widgets.question import Question
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.chats import StoreRepair
from paddock.sdk.presets import Preset

ABOVE = 16
"""Pixels above a message that is scrolled to."""
NAMED = (("long", LONG, "Summarise this"), ("longest", LONGEST, "Translate this into German"))
"""Conversations with models of long names: what they are called here, the model, what is asked."""


class MomentPictures(ChatPictures):
    """What passes, what opens over a conversation, and the names that are too long for it."""

    def furnish(self) -> None:
        """With what is first opened late, so that the first picture has the list that the last one has."""
        super().furnish()
        self._answer_twice()
        for what, model, wish in NAMED:
            self._until_ready(self._echo(model))
            self._made[what] = self._converse(self._echo(model), (f"{wish}: {LONG_TITLE}.",))
            self._until_ready(self._echo(model))
        self._unload_named()

    # ---------------------------------------------------------------- an answer

    def writing(self, name: str) -> None:
        """Half an answer, what waits for its end, other settings for it, and the same when it was stopped."""
        studio, chat = self._studio, self._studio.chat
        self._begin("demo-held", RICH[0])
        studio.until(self._half_shown, "Some words of the answer")
        studio.save(f"chat-writing-{name}")
        chat.composer.queue.put(WAITING)
        studio.save(f"chat-queue-{name}")
        chat.composer.queue.put(())
        QTimer.singleShot(0, lambda: self._over(f"quit-{name}", Question))
        studio.window.quit_question.may_quit()
        before = chat.inspector.sampling()
        chat.inspector.set_sampling({"temperature": 0.3})
        chat.columns.show_inspector()
        chat.inspector.running.look()
        studio.save(f"retune-{name}")
        chat.columns.close_overlay()
        chat.inspector.set_sampling(before)
        chat.dialogue.stop()
        self._until_stored(chat.dialogue.chat, 2)
        self._until_counted()
        studio.save(f"chat-stopped-{name}")
        self._throw_away(chat.dialogue.chat)

    def _half_shown(self) -> bool:
        """Whether all that the held answer has so far is on show."""
        row = self._studio.chat.view.column.rows[-1]
        return row.full_text().endswith("# shares") and not row.pending()

    def reasoning(self, name: str) -> None:
        """Unfolded, and words that are looked for."""
        view = self._rich()
        view.column.rows[-1].toggle_reasoning()
        self._studio.settle()
        view.verticalScrollBar().setValue(0)
        self._studio.save(f"chat-reasoning-{name}")
        view.open_find()
        assert view.find_bar is not None
        view.find_bar.field.setText("the")
        self._studio.save(f"chat-find-{name}")
        view.column.rows[-1].toggle_reasoning()
        view.find_bar.close_bar()

    def versions(self, name: str) -> None:
        """An answer given twice, its menu, and what it said before it was changed."""
        studio, chat = self._studio, self._studio.chat
        self._open("versions")
        studio.until(lambda: chat.dialogue.messages[-1].content == REWORDED, "The other wording")
        self._until_counted()
        studio.save(f"chat-versions-{name}")
        row = chat.view.column.rows[-1]
        chat.view.open_menu(row)
        self._over(f"chat-menu-{name}", QMenu)
        chat.deeds.show_revisions(chat.dialogue.messages[-1].id)
        studio.until(lambda: any(part.isVisible() for part in studio.window.findChildren(RevisionsDialog)), "The list")
        self._over(f"chat-wordings-{name}", RevisionsDialog)

    def _answer_twice(self) -> None:
        chat = self._studio.chat
        made = self._made["versions"] = self._converse(self._echo("demo-writer"), (TWICE,))
        chat.dialogue.answer_again(chat.dialogue.messages[-1].id, chat.inspector.request())
        self._studio.until(lambda: chat.dialogue.messages[-1].versions > 1, "The second version")
        self._until_stored(made, 2)
        chat.deeds.change(chat.dialogue.messages[-1].id, REWORDED)

    def pictures(self, name: str) -> None:
        """To be sent and as sent, one opened, and what cannot be taken."""
        studio, chat = self._studio, self._studio.chat
        strip = chat.composer.pictures
        self._begin("demo-seer", "What did the pictures of last week show?")
        studio.until(lambda: bool(chat.dialogue.chat) and chat.dialogue.run is None, "The first answer")
        made = chat.dialogue.chat
        for number, size in enumerate(SHOWN):
            chat.pictures.give_image(hill(*size, hue=number * 50))
            studio.until(lambda number=number: len(strip.shown) > number, "The picture")  # type: ignore[misc]
        chat.composer.set_text("What do these have in common?")
        self._until_counted()
        studio.save(f"pictures-draft-{name}")
        chat.composer.button.click()
        self._until_stored(made, 4)
        self._until_counted()
        chat.view.verticalScrollBar().setValue(chat.view.column.rows[2].top - ABOVE)
        studio.save(f"pictures-{name}")
        chat.pictures.open(chat.dialogue.messages[2].pictures[0].hash)
        sheets = studio.window.findChildren
        studio.until(lambda: any(sheet.isVisible() for sheet in sheets(PictureSheet)), "The picture, large")
        if studio.window.rect().contains(studio.part(PictureSheet).rect()):  # else it is all that would be seen
            self._over(f"pictures-large-{name}", PictureSheet)
        else:
            studio.part(PictureSheet).close()
        chat.pictures.give_files([f"/nowhere/{LONG_TITLE}.png"])
        studio.until(lambda: bool(studio.window.bar.texts()), "What is said of it")
        studio.save(f"pictures-refused-{name}")
        for notice in list(studio.window.bar.rows()):
            notice.gone.emit(False)
        self._throw_away(made)

    def gauge(self, name: str) -> None:
        """More than the context holds, and a file held over the window."""
        studio, composer = self._studio, self._studio.chat.composer
        self._rich()
        composer.set_text("A document that is far too long for the context. " * 500)
        studio.until(lambda: composer.gauge.fill is not None and composer.gauge.fill.left == 0, "A full context")
        composer.gauge.click()
        self._over(f"chat-context-{name}", ContextPopup)
        composer.set_text("")
        studio.until(lambda: composer.gauge.fill is not None and composer.gauge.fill.left > 0, "Room in the context")
        overlay = studio.window.opener.drops.overlay
        overlay.cover()
        studio.save(f"drop-{name}")
        overlay.hide()

    # ---------------------------------------------------------------- what opens

    def lists(self, name: str) -> None:
        """Several conversations chosen, their menu and tags, and a search that finds nothing."""
        studio, page = self._studio, self._studio.chat
        self._rich()
        page.columns.show_chats()
        column = page.chats
        rows = [index for row in range(column.view.model().rowCount()) if (index := column.view.model().index(row, 0))]
        for index in rows[-3:]:
            column.view.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Select)
        column.view.scrollTo(rows[-1])
        chosen = column.chosen_chats()
        menu = column.menu_for(*chosen)
        assert menu is not None
        menu.popup(column.view.mapToGlobal(QPoint(40, 40)))
        self._over(f"chats-bulk-{name}", QMenu)
        column.edit_tags(chosen)
        self._over(f"chats-tags-{name}", TagsDialog)
        column.search.setText("zzqq")
        studio.until(lambda: not column.texts.busy, "The end of the search")
        studio.save(f"chats-nothing-{name}")
        column.search.clear()
        page.columns.close_overlay()

    def presets(self, name: str) -> None:
        """The menu of the presets with a changed one, and the name of a new one."""
        studio, inspector = self._studio, self._studio.chat.inspector
        self._rich()
        studio.chat.columns.show_inspector()
        if not any(preset.name == LONG_TITLE for preset in inspector.presets.all):
            studio.ask(lambda client: client.put_preset(Preset(name=LONG_TITLE, sampling={"temperature": 0.2})))
            studio.until(lambda: any(preset.name == LONG_TITLE for preset in inspector.presets.all), "The preset")
        before = inspector.sampling()
        inspector.apply_preset(next(preset for preset in inspector.presets.all if preset.name == LONG_TITLE))
        inspector.set_sampling({**inspector.sampling(), "temperature": 1.1})
        inspector.presets.look()
        inspector.presets.chip.open_menu()
        self._over(f"presets-{name}", QMenu)
        inspector.apply_preset(None)
        inspector.set_sampling(before)
        studio.chat.columns.close_overlay()

    def data(self, name: str) -> None:
        """Backups with the way back to one, and what is said of a file that was damaged."""
        studio = self._studio
        if not studio.ask(lambda client: client.backups()):  # the first may have looked for chats before there were any
            studio.ask(lambda client: client.back_up())
        studio.window.show_settings("data")
        card = studio.part(DataCard)
        studio.until(lambda: bool(card.rows), "The list of backups")
        account = studio.part(AccountCard).account.about
        studio.until(lambda: account.text() != account_words(None), "The account below it")
        card.rows[0].restore.click()
        studio.save(f"data-restore-{name}")
        studio.window.bar.settle()
        studio.host.store_repaired.emit(StoreRepair(when=0, text=REPAIRED))
        studio.save(f"data-rescued-{name}")
        studio.window.bar.settle()
        studio.window.show_page("chat")

    # ---------------------------------------------------------------- names

    def names(self, name: str) -> None:
        """Models whose names have 40 and 200 characters, wherever a model is named."""
        studio, chat = self._studio, self._studio.chat
        for what, model, _ in NAMED:
            self._until_ready(self._echo(model))
            self._open(what)
            studio.save(f"name-{what}-{name}")
        chat.head.open_picker()
        self._over(f"name-picker-{name}", ModelPicker)
        studio.window.show_memory()
        self._over(f"name-memory-{name}", MemoryPopover)
        chat.columns.show_inspector()
        chat.inspector.presets.save_as()
        self._over(f"name-preset-{name}", NameSheet)
        chat.columns.close_overlay()
        dialog = chat.open_load_dialog(self._echo(LONGEST))
        assert dialog is not None
        studio.until(lambda: dialog.breakdown.estimate is not None and dialog.estimator.settled, "The estimate")
        studio.save(f"name-load-{name}", dialog)
        dialog.reject()
        studio.window.show_model(self._echo(LONGEST))
        page = studio.part(ModelsPage)
        studio.until(lambda: estimated(page, self._echo(LONGEST)), "Its details")
        studio.save(f"name-models-{name}")
        studio.window.show_page("chat")
        self._unload_named()

    def _unload_named(self) -> None:
        studio = self._studio
        for _, model, _ in NAMED:
            loaded = studio.host.loaded_model(self._echo(model))
            if loaded is not None:
                studio.ask(partial(AsyncClient.unload, id=loaded.id))

    # ---------------------------------------------------------------- how

    def _open(self, what: str) -> None:
        self._studio.window.show_page("chat")
        self._studio.chat.open(self._made[what])
        self._until_stored(self._made[what], 2)
        self._until_counted()

    def _over(self, name: str, kind: type[QWidget]) -> None:
        """With the menu, popup or dialog of that kind that is open; it is closed then."""
        part = self._studio.part(kind)
        self._studio.save(name, part)
        part.hide() if isinstance(part, Popup) else part.close()


def estimated(page: ModelsPage, model: str) -> bool:
    """Whether the pane says of ``model`` what it takes, by the engine."""
    plan = page.pane.plan
    return (
        page.pane.model == model and plan is not None and plan.breakdown.estimate is not None and plan.estimator.settled
    )


def hill(width: int, height: int, *, hue: int) -> QImage:
    """A hill under a sun."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    sky = QLinearGradient(0, 0, 0, height)
    sky.setColorAt(0, QColor.fromHsv(hue, 90, 240))
    sky.setColorAt(1, QColor.fromHsv(hue, 160, 120))
    painter.fillRect(image.rect(), sky)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("white"))
    radius = min(width, height) // 6
    painter.drawEllipse(QPoint(width * 2 // 3, height // 3), radius, radius)
    painter.setBrush(QColor.fromHsv(hue, 120, 80))
    painter.drawPolygon(QPolygon([QPoint(0, height), QPoint(width // 3, height // 2), QPoint(width * 2 // 3, height)]))
    painter.end()
    return image
