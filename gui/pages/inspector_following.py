"""What is stored of the settings in sight, and what becomes of them when another program changes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtWidgets import QWidget

from paddock.gui.models.answer_settings import AnswerSettings, settings_of
from paddock.gui.pages.inspector_sheet import InspectorSheet
from paddock.sdk.types import ChatSummary, ModelInfo, Options


@dataclass(frozen=True)
class Aside:
    """A conversation that is put aside while a pane is in sight. ``known`` is what is stored of its settings."""

    settings: AnswerSettings
    foreign: Options
    system: str
    model: ModelInfo | None
    known: AnswerSettings


class FollowingSheet(InspectorSheet):
    """Remembers what is stored, as far as is known, and as what it was shown. GUI thread only."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known = self._shown = AnswerSettings()
        self._aside: Aside | None = None

    def not_kept(self, chat: ChatSummary) -> None:
        """What was handed on of the conversation's settings was refused: ``chat`` is how they are stored. What is in
        sight stays, and is handed on with the next change."""
        if self._aside is not None:
            self._aside = replace(self._aside, known=settings_of(chat))
        else:
            self._known = settings_of(chat)

    def _handed_on(self, settings: AnswerSettings) -> None:
        """All of the conversation's settings are on their way."""
        if self._aside is not None:
            self._aside = replace(self._aside, known=settings)
        else:
            self._remember(settings)

    def _remember(self, stored: AnswerSettings) -> None:
        """What is in sight is ``stored``, or on its way there."""
        self._known, self._shown = stored, self._whole()

    def _merge(self, stored: AnswerSettings) -> bool:
        """Show what is ``stored`` now. What was changed here and is not handed on yet stays, and so does what the user
        has in hand; True when what is in sight is to be handed on for the sake of that."""
        wanted = self._whole().followed(self._shown, self._known, stored)
        held = self.section.follow({name: value for name, value in wanted.sampling.items() if name != "seed"})
        held |= self.answer.follow(wanted.stop, wanted.max_tokens, wanted.reasoning, wanted.sampling.get("seed"))
        self._show_count()
        self._remember(stored)
        return held

    def _of_conversation(self) -> AnswerSettings:
        return self._aside.settings if self._aside is not None else self.settings()

    def _whole(self) -> AnswerSettings:
        """What is in sight, and the values that the engine has no option for."""
        settings = self.settings()
        return replace(settings, sampling={**self.section.foreign_sampling(), **settings.sampling})
