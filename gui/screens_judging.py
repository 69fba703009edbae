"""Pictures of how comparisons are judged, for :mod:`paddock.gui.screens`."""

from __future__ import annotations

from functools import partial

from paddock.gui.pages.compare import CompareView
from paddock.gui.pages.compare_reveal import Curtain
from paddock.gui.pages.leaderboard import LeaderboardDialog, Shown
from paddock.gui.screens_compare import QUANTS, QUESTION, SIX, ComparePictures
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.compare import VoteRequest
from paddock.sdk.types import Pane

VOTED = (QUANTS, SIX[:2], ("Mistral-7B", "Gemma-3-4B"), ("Starter", "Mistral-7B"), SIX[:3])
"""Comparisons of which the second answer is voted for."""

WARMTHS = (0.0, 0.4, 0.7)


class JudgingPictures(ComparePictures):
    """Blind, judged, and what comes of it."""

    def blind(self, name: str) -> None:
        """While the answers are written, and when they can be voted on."""
        view = self._begin(("Starter", "Gemma-3-12B"))
        view.judging.blind.set(True)
        view.send(QUESTION)
        self._studio.until(lambda: len(view.session.runs) == 1, "The end of the quick answer")
        self._studio.save(f"blind-running-{name}")
        some = "Some words of the slow answer"
        self._studio.until(lambda: any(run.pieces > 8 for run in view.session.runs.values()), some)
        view.stop()
        self._studio.until(lambda: bool(view.judging.row.chips), "The vote")
        self._studio.save(f"blind-{name}")
        view.judging.vote("pane", view.session.panes[0].id)
        self._studio.until(lambda: view.judging.vote_given is not None, "The blind vote")
        self._studio.until(lambda: not self._studio.window.findChildren(Curtain), "The reveal")
        self._studio.save(f"blind-revealed-{name}")
        view.judging.blind.set(False)

    def judged(self, name: str) -> None:
        """A vote, and the differences among all and to one answer."""
        view = self._asked()
        view.judging.differences.toggle.set(True)
        for reference in ("", view.session.panes[0].id):
            view.judging.differences.legend.chosen.emit(reference)
            self._studio.until(lambda: view.judging.differences.marked, "The differences")
            self._studio.save(f"differences{'-reference' if reference else ''}-{name}")
        view.judging.differences.legend.chosen.emit("")
        view.judging.differences.toggle.set(False)

    def settings(self, name: str) -> None:
        """The differences between three settings of one model: the one that comes with Paddock, where it is there."""
        studio = self._studio
        model = studio.host.settings.default_model
        if model not in studio.host.models:
            return
        chat = self._made.get((model,))
        if chat is None:
            view = self._begin_panes([Pane(model=model, sampling={"temperature": value}) for value in WARMTHS])
            view.send("Tell me a short story about a fox")
            studio.until(lambda: bool(view.session.turns()) and not view.session.running, "The answers")
            chat = self._made[(model,)] = view.chat
        self._open_again(chat, len(WARMTHS))
        view = self._view()
        view.judging.differences.toggle.set(True)
        studio.until(lambda: view.judging.differences.marked, "The differences")
        studio.save(f"compare-settings-{name}")
        view.judging.differences.toggle.set(False)

    def board(self, name: str) -> None:
        """The leaderboard, its votes, and without any: of the same votes in each drawing."""
        self._forget_votes()
        for models in VOTED:
            self._asked(models)
        kinds: tuple[Shown, ...] = ("model", "votes", "tag")
        for kind in kinds:
            self._open_board(kind, name)

    def no_votes(self, name: str) -> None:
        """The leaderboard of a person who has not voted."""
        self._open_board("model", f"empty-{name}")

    def _open_board(self, kind: Shown, name: str) -> None:
        dialog = LeaderboardDialog(self._studio.host, self._studio.messages, self._studio.window)
        dialog.open()
        dialog.show_kind(kind)
        self._studio.until(lambda: dialog.known == kind, "The places")
        self._studio.save(f"leaderboard-{kind}-{name}", dialog)
        dialog.close()

    def _asked(self, models: tuple[str, ...] = SIX[:3]) -> CompareView:
        view = self._begin(models)
        view.send(QUESTION)
        self._studio.until(lambda: bool(view.session.turns()) and not view.session.running, "The answers")
        self._vote(view)
        return view

    def _forget_votes(self) -> None:
        for vote in self._studio.ask(lambda client: client.votes()):
            self._studio.ask(partial(AsyncClient.delete_vote, id=vote.id))

    def _vote(self, view: CompareView) -> None:
        request = VoteRequest(chat=view.chat, turn=view.turn, outcome="pane", pane=view.session.panes[1].id)
        self._studio.ask(lambda client: client.vote(request))
        view.judging.read_votes()
        self._studio.until(lambda: view.judging.vote_given is not None, "The vote")
