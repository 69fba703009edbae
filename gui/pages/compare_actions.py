"""The actions of a comparison. Light: the view itself is imported when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from paddock.gui.actions import Action
from paddock.sdk.compare import MOST_PANES

if TYPE_CHECKING:
    from paddock.gui.pages.compare import CompareView
    from paddock.gui.window import Window


def compare_actions(window: Window) -> list[Action]:
    """Shortcuts and palette entries of the comparison that the Chat page shows."""

    def shown() -> CompareView | None:
        compare = window.chat.compare
        return compare.view if compare.shown and window.chat.isVisible() else None

    def begin() -> None:
        window.show_page("chat")
        window.chat.compare.begin_here()

    def does(deed: Callable[[CompareView], object]) -> Callable[[], None]:
        def run() -> None:
            view = shown()
            if view is not None:
                deed(view)

        return run

    def always() -> bool:
        return shown() is not None

    compare = partial(Action, group="Compare", enabled=always)
    return [
        Action(title="Compare models", group="Compare", run=begin, keys=("Ctrl+Shift+M",), words="panes side by side"),
        compare(title="Question before", run=does(lambda view: view.follower.step(-1)), keys=("Ctrl+Up",)),
        compare(title="Next question", run=does(lambda view: view.follower.step(1)), keys=("Ctrl+Down",)),
        compare(title="Panes before", run=does(lambda view: view.grid.turn(view.grid.page - 1)), keys=("Ctrl+PgUp",)),
        compare(title="Next panes", run=does(lambda view: view.grid.turn(view.grid.page + 1)), keys=("Ctrl+PgDown",)),
        compare(
            title="Add a pane", run=does(lambda view: view.add_pane()), keys=("Ctrl+Shift+A",), words="model column"
        ),
        compare(title="Regenerate all answers", run=does(lambda view: view.regenerate()), keys=("Ctrl+Shift+R",)),
        *judging_actions(compare, does, window),
        compare(title="Scroll together", run=does(lambda view: view.head_tools.together.entry.toggle()), words="sync"),
    ]


def judging_actions(
    compare: Callable[..., Action],
    does: Callable[[Callable[[CompareView], object]], Callable[[], None]],
    window: Window,
) -> list[Action]:
    """Votes have Alt: a letter alone is the beginning of a message."""
    votes = [
        compare(
            title=f"Vote for answer {number}",
            run=does(lambda view, number=number: view.judging.row.choose_number(number)),  # type: ignore[misc]
            keys=(f"Alt+{number}",),
            words="best",
            listed=False,
        )
        for number in range(1, MOST_PANES + 1)
    ]
    return [
        *votes,
        compare(title="Vote: a tie", run=does(lambda view: view.judging.row.choose("tie")), keys=("Alt+T",)),
        compare(title="Vote: all bad", run=does(lambda view: view.judging.row.choose("both_bad")), keys=("Alt+B",)),
        compare(title="Blind", run=does(lambda view: view.judging.blind.entry.toggle()), words="hide names vote"),
        compare(
            title="Differences",
            run=does(lambda view: view.judging.differences.toggle.entry.toggle()),
            keys=("Ctrl+Shift+D",),
            words="mark changes diff",
        ),
        compare(title="Export side by side", run=does(lambda view: view.judging.export()), words="save html csv"),
        Action(
            title="Leaderboard",
            group="Compare",
            run=window.chat.compare.show_leaderboard,
            words="votes rating elo bradley terry ranking",
        ),
    ]
