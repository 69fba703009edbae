"""Pictures of comparisons, for :mod:`paddock.gui.screens`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paddock.gui.pages.compare import CompareView
from paddock.gui.screens_chat import write_projector
from paddock.gui.screens_content import LONG, LONGEST, SHOWN
from paddock.gui.screens_home import put_echo
from paddock.gui.screens_moments import hill
from paddock.gui.screens_studio import NotDrawn, Studio
from paddock.gui.widgets.pane_view import PaneView
from paddock.sdk.paths import Home
from paddock.sdk.types import Pane

HELD, LONGER_HELD = 5, 10
TRIES = 8
QUESTION = "Give me three reasons to keep the system prompt short."
MODELS: dict[str, dict[str, Any]] = {
    "Qwen3-8B": {
        "text": "Three reasons, in order of weight:\n\n1. **It costs context.** Every turn carries it, so a long one"
        " leaves less room for the conversation.\n2. **It dilutes the model's attention.** Twenty rules compete;"
        " three win.\n3. **It is evaluated once per chat** unless the prefix is cached.",
        "tokens_per_second": 140,
        "take_mib": 49,
    },
    "Llama-3.1-8B": {
        "text": "Three reasons:\n\n1. **It costs context.** Every turn carries it.\n2. **It dilutes the model's"
        " attention.** It weighs each rule less as you add more.\n\n```python\nprompt = 'Be brief.'\n```\n",
        "tokens_per_second": 85,
        "take_mib": 89,
    },
    "Starter": {
        "text": "Here are three:\n\n1. Short prompts are read faster.\n2. They leave more room for your text.\n"
        "3. They are easier to change.",
        "tokens_per_second": 400,
        "take_mib": 5,
    },
    "Gemma-3-12B": {
        "text": "It depends on what the prompt is for. " * 40,
        "tokens_per_second": 12,
        "take_mib": 20,
        "hold": {"after_tokens": LONGER_HELD},
    },
    "Mistral-7B": {
        "text": '{"name": "Ada", "born": 1815, "works": ["Notes"], "city": "London"}',
        "tokens_per_second": 90,
    },
    "Gemma-3-4B": {
        "text": '{"city": "London", "born": 1816, "name": "Ada", "works": ["Notes", "Letters"]}',
        "tokens_per_second": 120,
    },
    "Phi-4": {
        "text": "Because the wind pushes against it, and the string holds it back.",
        "parallel": 1,
        "tokens_per_second": 25,
        "hold": {"after_tokens": HELD},
    },
    "Gate": {
        "text": "It leaves more room for a longer prompt.",
        "tokens_per_second": 30,
        "hold": {"until": "open"},
    },
    "Qwen3-VL-8B": {"text": "A hill under a white sun, four times; the colours differ.", "tokens_per_second": 90},
    "Qwen3-4B-Q4_K_M": {"text": "It costs context, attention, and time.", "tokens_per_second": 210, "take_mib": 8},
    "Qwen3-4B-Q8_0": {"text": "It costs context and attention.", "tokens_per_second": 130, "take_mib": 14},
    "Broken": {"text": "", "die": {"signal": "SIGSEGV", "after_tokens": 0}},
    LONG: {"text": "Short prompts are read faster.", "tokens_per_second": 45, "take_mib": 30},
    LONGEST: {
        "text": "Short prompts are read faster, and they leave more room.",
        "tokens_per_second": 45,
        "take_mib": 42,
    },
}
QUANTS = ("Qwen3-4B-Q4_K_M", "Qwen3-4B-Q8_0")
SIX = ("Qwen3-8B", "Llama-3.1-8B", "Starter", "Qwen3-8B", LONG, LONGEST)


def prepare(home: Home) -> None:
    """Models of the echo engine that answer as they are told."""
    for name, script in MODELS.items():
        put_echo(home, name, script)
    write_projector(home, "Qwen3-VL-8B")


class ComparePictures:
    """Comparisons with real answers of the echo engine."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._made: dict[tuple[str, ...], str] = {}

    def two(self, name: str) -> None:
        self._answered("compare-two", name, *SIX[:2])

    def three(self, name: str) -> None:
        self._answered("compare", name, *SIX[:3])

    def four(self, name: str) -> None:
        self._answered("compare-four", name, *SIX[:4])

    def five(self, name: str) -> None:
        self._answered("compare-five", name, *SIX[:5])

    def six(self, name: str) -> None:
        self._answered("compare-six", name, *SIX)
        grid = self._view().grid
        grid.turn(1)
        if grid.page:
            self._studio.save(f"compare-page-{name}")
        grid.turn(0)

    def long_names(self, name: str) -> None:
        self._answered("compare-names", name, LONG, LONGEST)

    def failed(self, name: str) -> None:
        self._answered("compare-failed", name, "Qwen3-8B", "Broken", "missing")

    def empty(self, name: str) -> None:
        self._begin(SIX[:3])
        self._studio.save(f"compare-empty-{name}")

    def running(self, name: str) -> None:
        """One that has answered, one that writes."""
        view = self._begin(("Starter", "Gemma-3-12B"))
        view.send(QUESTION)
        self._studio.until(lambda: len(view.session.runs) == 1, "The end of the quick answer")
        told = "Some words of a slow answer and their number"
        self._studio.until(lambda: any(self._tells(pane, LONGER_HELD) for pane in view.panes.values()), told)
        self._studio.save(f"compare-running-{name}")
        self._stop(view)

    def queued(self, name: str) -> None:
        """Two panes of a model that answers one at a time: the first writes, the other waits. Chance says which comes
        first, so that more than one try may be needed."""
        view = self._asked_two_at_once()
        for _ in range(TRIES):
            if self._tells(next(iter(view.panes.values())), HELD):
                break
            self._stop(view)
            view = self._asked_two_at_once()
        self._studio.save(f"compare-queued-{name}")
        self._stop(view)

    def _asked_two_at_once(self) -> CompareView:
        view = self._begin(("Phi-4", "Phi-4"))
        view.send("Why does a kite stay up?")
        told = "The words of one and their number, and whom the other waits for"
        self._studio.until(lambda: any(self._tells(pane, HELD) for pane in view.panes.values()), told)
        return view

    def _stop(self, view: CompareView) -> None:
        view.stop()
        self._studio.until(lambda: not view.session.running, "The end of all answers")

    def _tells(self, pane: PaneView, tokens: int) -> bool:
        """Whether a pane shows so many words and says so."""
        rows = pane.view.column.rows
        said = any(measure.figure == str(tokens) for measure in pane.strip.measures if measure.name == "tokens")
        return said and bool(rows) and len(rows[-1].full_text().split()) == tokens

    def structure(self, name: str) -> None:
        """The differences between two answers in JSON."""
        view = self._begin(("Mistral-7B", "Gemma-3-4B"))
        view.send("Ada Lovelace as JSON")
        self._studio.until(lambda: bool(view.session.turns()) and not view.session.running, "The answers")
        view.judging.differences.toggle.set(True)
        self._studio.until(lambda: view.judging.differences.marked, "The differences")
        self._studio.save(f"differences-structure-{name}")
        view.judging.differences.toggle.set(False)

    def pictures(self, name: str) -> None:
        """A question with pictures for a model that sees and one that does not: before, after, all of it."""
        studio, composer = self._studio, self._studio.chat.composer
        blind = studio.host.settings.default_model
        view = self._begin_panes([Pane(model=self._id("Qwen3-VL-8B")), Pane(model=blind)])
        for number, size in enumerate(SHOWN[:4]):
            studio.chat.pictures.give_image(hill(*size, hue=number * 50))
            studio.until(lambda number=number: len(composer.pictures.shown) > number, "The picture")  # type: ignore[misc]
        composer.set_text("What do these have in common?")
        studio.save(f"compare-pictures-draft-{name}")
        composer.button.click()
        studio.until(lambda: bool(view.session.turns()) and not view.session.running, "The answers")
        studio.save(f"compare-pictures-{name}")
        view.question.unfold_or_fold()
        studio.save(f"compare-pictures-all-{name}")
        view.question.unfold_or_fold()

    def pane(self, name: str) -> None:
        """What can be done with a pane, and its settings."""
        studio = self._studio
        self._open(SIX[:3])
        deeds, pane = self._view().deeds, self._view().session.panes[1].id
        menu = deeds.open_menu(pane)
        studio.save(f"compare-menu-{name}", menu)
        menu.close()
        deeds.open_settings(pane)
        studio.save(f"compare-pane-{name}")
        studio.chat.columns.close_overlay()
        deeds.adopt(pane)
        studio.until(lambda: self._histories() == 1, "The common history")
        studio.save(f"compare-adopted-{name}")
        studio.window.bar.rows()[-1].card.action_triggered.emit()
        studio.until(lambda: self._histories() == 3, "A history for each, as the other pictures have it")

    def _histories(self) -> int:
        return len({message.id for message in self._view().judging.answers().values()})

    def _answered(self, picture: str, name: str, *models: str) -> None:
        self._open(models)
        self._studio.save(f"{picture}-{name}")

    def _open(self, models: tuple[str, ...]) -> None:
        """A comparison of ``models`` with its answers."""
        chat = self._made.get(models)
        if chat is None:
            view = self._begin(models)
            view.send(QUESTION)
            self._studio.until(lambda: bool(view.session.turns()) and not view.session.running, "The answers")
            chat = self._made[models] = view.chat
        self._open_again(chat, len(models))

    def _open_again(self, chat: str, panes: int) -> None:
        """A stored comparison from its beginning, where the other pictures of it have it."""
        self._studio.window.activateWindow()  # a dialog took the keyboard, and no desktop is here to give it back
        self._studio.chat.new_chat()
        with self._first_silks():
            self._studio.chat.open(chat)
            self._studio.until(lambda: len(self._view().panes) == panes, "The panes")
        self._planned()

    def _begin(self, models: tuple[str, ...]) -> CompareView:
        return self._begin_panes([Pane(model=self._id(model)) for model in models])

    def _begin_panes(self, panes: list[Pane]) -> CompareView:
        studio, chat = self._studio, self._studio.chat
        studio.window.activateWindow()
        studio.window.show_page("chat")
        chat.new_chat()
        chat.compare.begin_here()
        studio.until(lambda: len(self._view().panes) == 2, "A comparison")
        wanted = [pane.model for pane in panes]
        with self._first_silks():
            self._view().session.put(panes)
            studio.until(lambda: [pane.model for pane in self._view().session.panes] == wanted, "The panes")
        self._planned()
        return self._view()

    def _planned(self) -> None:
        planner = self._view().planner
        self._studio.until(lambda: planner.plan is not None, "Whether they run side by side")

    @contextmanager
    def _first_silks(self) -> Iterator[None]:
        """Panes that come wear the first silks, whatever their models have worn and what news come of models."""
        host = self._studio.host

        def forget() -> None:
            host.silks.worn.clear()

        forget()
        host.models_changed.connect(forget)
        try:
            yield
        finally:
            host.models_changed.disconnect(forget)
        host.silks.dress_all({item.model for item in host.loaded.values()})
        host.models_changed.emit()

    def _id(self, name: str) -> str:
        models = self._studio.host.models.values()
        return next((info.id for info in models if f"/{name}.echo.json" in info.path), f"demo/{name}")

    def _view(self) -> CompareView:
        view = self._studio.chat.compare.view
        if view is None:
            raise NotDrawn("The Compare view did not come.")
        return view
