"""Pictures of lists of prompts for :mod:`paddock.gui.screens`."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QMenu, QScrollArea

from paddock.gui.messages import Messages
from paddock.gui.pages.batch_dialog import BatchDialog
from paddock.gui.screens_content import LONG, LONGEST
from paddock.gui.screens_studio import NotDrawn, Studio
from paddock.sdk.types import ModelInfo, Pane

PROMPTS = """prompt,contains,regex,name
What does a short system prompt leave more of?,room,,
Say in one word what a long one costs.,,^\\w+\\W?$,one word
Why are twenty rules in a system prompt followed less well than three of them?,rule,,
Is a short prompt read faster?,faster,,
Where is it kept between two questions?,cache,,
When is it read again?,,prompts?,
Does it count against the context?,room,,
Who may change it?,you,,
Is a list better than prose?,list,,
What should stand first in it?,first,,
May it hold examples?,example,,
How long is too long?,,\\d+,
Does politeness help?,,Short,
Can it be empty?,,"^Yes|^No",
"""


class BatchPictures:
    """Lists of prompts for two models with long names and one that waits, and one pane more of the first."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def _panes(self) -> tuple[Pane, ...]:
        ids = [self._named(name).id for name in (LONGEST, LONG, "Gate")]
        limit = 40
        panes = tuple(Pane(model=model, max_tokens=limit) for model in ids)
        warm = Pane(model=ids[0], max_tokens=limit, sampling={"temperature": 1.2}, system="Answer like a pirate.")
        return (*panes, warm)

    def _named(self, name: str) -> ModelInfo:
        found = next((m for m in self._studio.host.models.values() if f"/{name}.echo.json" in m.path), None)
        if found is None:
            raise NotDrawn(f"There is no model {name}.")
        return found

    def batch(self, name: str) -> None:
        """Empty, what cannot be read, ready to start, done, and the answers to one prompt."""
        studio = self._studio
        gate = Path(self._named("Gate").path).parent / "open"
        gate.unlink(missing_ok=True)
        dialog = BatchDialog(studio.host, Messages(), self._panes(), studio.window)
        dialog.open()
        setup, run = dialog.setup, dialog.run
        studio.save(f"batch-empty-{name}", dialog)
        setup.source.text.setPlainText("prompt,contain\nWho?,me\n")
        studio.until(setup.source.trouble.isVisible, "What is wrong with the prompts")
        studio.save(f"batch-wrong-{name}", dialog)
        setup.source.text.setPlainText(PROMPTS)
        studio.until(lambda: setup.source.prompts is not None, "The prompts")
        setup.cards[1].fold.click()
        setup.checks.add_row().value.setText("prompt")
        studio.save(f"batch-ready-{name}", dialog)
        setup.cards[1].fold.click()
        studio.settle()
        bar = studio.part(QScrollArea, setup).verticalScrollBar()
        bar.setValue(bar.maximum())
        studio.save(f"batch-checks-{name}", dialog)
        setup.begin()
        last = len(PROMPTS.splitlines()) - 2
        studio.until(lambda: all(run.table.at(last, pane) for pane in (0, 1, 3)), "All answers but those that wait")
        studio.save(f"batch-running-{name}", dialog)
        run.pause.click()
        studio.until(lambda: run.batch is not None and run.batch.state != "running", "The pause")
        run.delete.click()
        studio.save(f"batch-paused-{name}", dialog)
        run.trouble.hide()
        gate.touch()
        run.pause.click()
        studio.until(lambda: run.batch is not None and run.batch.state == "done", "The end of the list")
        studio.until(lambda: run.state.text().startswith("Done"), "The answers")
        studio.save(f"batch-done-{name}", dialog)
        run.export.open_menu()
        menu = studio.part(QMenu)
        studio.save(f"batch-export-{name}", dialog, menu)
        menu.close()
        run.view.opened.emit(0, 1)
        studio.save(f"batch-answers-{name}", dialog)
        dialog.close()
        if run.batch is not None:
            done = run.batch.id
            studio.ask(lambda client: client.delete_batch(done))  # the next pictures have no earlier runs either
