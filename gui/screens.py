"""``python -m paddock.gui.screens DIR``: draws every page in light and dark, from real hosts with folders of their own.

``<page>-<theme>.png`` at 1440 x 900, ``<page>-small-<theme>.png`` at the smallest window, ``<page>-200-<theme>.png`` at
960 x 600 logical pixels on a screen of 200 %. The pages of the hub come from the hub of the tests, which only a
checkout has. The exit code is 1 when a page could not be drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QApplication

from paddock.gui.app import make_application
from paddock.gui.screens_batch import BatchPictures
from paddock.gui.screens_chat import prepare
from paddock.gui.screens_compare import ComparePictures
from paddock.gui.screens_compare import prepare as prepare_compared
from paddock.gui.screens_finding import FindingPictures
from paddock.gui.screens_home import clear_remains, own_home
from paddock.gui.screens_hub import CATALOGUE, TestHub
from paddock.gui.screens_judging import JudgingPictures
from paddock.gui.screens_lists import ListPictures
from paddock.gui.screens_rare import RareBrowsing, RarePictures
from paddock.gui.screens_start import StartPictures
from paddock.gui.screens_studio import LAPTOP, LARGE, SMALL, THEMES, NotDrawn, Studio
from paddock.gui.screens_ways import BrowserWays, ComparedWays
from paddock.sdk.paths import Home

Shoot = Callable[[str], None]
SCREEN = {"name": "screen", "x": 0, "y": 0, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}


@dataclass(frozen=True)
class Order:
    """What to draw where: the sizes of the window by their variants, and words of which a subject's name has one; none:
    everything."""

    folder: Path
    sizes: dict[str, tuple[int, int]]
    only: tuple[str, ...] = ()

    def wants(self, subject: Callable[..., None]) -> bool:
        return not self.only or any(word in subject.__name__ for word in self.only)


def take(order: Order) -> int:
    """All pictures that are wanted; the exit code."""
    clear_remains()
    application = make_application()
    application.setCursorFlashTime(0)  # a caret that blinks would be in one picture and not in its twin
    failed = starting(application, order) + chats(application, order) + comparing(application, order)
    if CATALOGUE.is_file():
        failed += browsing(application, order)
    else:
        print(f"Discover, Downloads and Models need a checkout: there is no {CATALOGUE}.", file=sys.stderr)  # noqa: T201
    return int(bool(failed))


def starting(application: QApplication, order: Order) -> list[str]:
    """A window that has no host; what could not be drawn."""
    if not order.wants(StartPictures.start):
        return []
    with own_home() as home:
        studio = Studio(application, home, order.folder)
        pages = StartPictures(studio)
        for subject in (pages.start, pages.without):
            for variant, size in order.sizes.items():
                for theme in THEMES:
                    studio.attempt(subject, pages.dress(theme, size, variant))
        studio.close()
    return studio.failed


def chats(application: QApplication, order: Order) -> list[str]:
    """Conversations, and what a newcomer has; what could not be drawn."""
    with own_home() as home:
        prepare(home)
        with studio_of(application, home, order.folder) as studio:
            chat = ListPictures(studio)
            chat.furnish()
            finding, rare = FindingPictures(studio), RarePictures(studio, chat)
            rounds(studio, order, (chat.rich, chat.error, chat.loading, chat.writing, chat.reasoning, chat.versions,
                                   chat.pictures, chat.gauge, chat.lists, chat.presets, chat.deeds, chat.menus,
                                   chat.marked, chat.private, chat.names,
                                   chat.data, finding.palette, finding.shortcuts, rare.large_text, rare.named,
                                   rare.served, rare.notices))  # fmt: skip
            chat.clear_demos(home)
            rounds(studio, order, (chat.answers, chat.inspector, chat.empty, chat.server, chat.memory, chat.files,
                                   chat.load_dialog, rare.load_more, rare.short_of_memory, rare.prompt,
                                   rare.nothing_there))  # fmt: skip
    return studio.failed


def comparing(application: QApplication, order: Order) -> list[str]:
    """Comparisons of two to six models; what could not be drawn."""
    with own_home() as home:
        prepare_compared(home)
        with studio_of(application, home, order.folder) as studio:
            pages = ComparePictures(studio)
            rounds(studio, order, (pages.two, pages.three, pages.four, pages.five, pages.six, pages.long_names,
                                   pages.failed, pages.empty, pages.running, pages.queued, pages.pictures,
                                   pages.structure, pages.pane, BatchPictures(studio).batch))  # fmt: skip
            judging = ComparedWays(studio)
            rounds(studio, order, (judging.blind, judging.judged, judging.settings, judging.board,
                                   judging.ways, judging.second_turn))  # fmt: skip
    return studio.failed


def browsing(application: QApplication, order: Order) -> list[str]:
    """The pages of a person with some models, at first with a hub and then without; what could not be drawn."""
    with own_home() as home:
        hub = TestHub(home.root.parent)
        try:
            with studio_of(application, home, order.folder) as studio:
                pages, rare = BrowserWays(studio, hub), RareBrowsing(studio)
                for prepare_page in (pages.plan, pages.note, pages.throw_away, pages.get):
                    studio.attempt(prepare_page, "")
                rounds(studio, order, (pages.discover, pages.card, pages.gated, pages.large_model, pages.searched,
                                       pages.nothing, pages.filters, pages.models, pages.selected, pages.broken,
                                       pages.dialogs, pages.first_run, pages.settings, pages.newcomer, pages.opened,
                                       JudgingPictures(studio).no_votes, rare.rare_models, rare.told,
                                       rare.address))  # fmt: skip
                studio.attempt(pages.quantize, "")
                rounds(studio, order, (pages.downloads, pages.details))
                pages.end()
                hub.end()
                rounds(studio, order, (pages.offline,))
        finally:
            hub.end()
    return studio.failed


def rounds(studio: Studio, order: Order, subjects: tuple[Shoot, ...]) -> None:
    """Each subject in each size and theme."""
    for variant, size in order.sizes.items():
        for theme in THEMES:
            name = studio.dress(theme, size, variant)
            for subject in filter(order.wants, subjects):
                studio.attempt(subject, name)


@contextmanager
def studio_of(application: QApplication, home: Home, folder: Path) -> Iterator[Studio]:
    """A window that shows; what keeps it from being furnished counts as a picture that was not drawn."""
    studio = Studio(application, home, folder)
    try:
        studio.open()
        yield studio
    except NotDrawn as error:
        studio.failed.append(str(error))
        print(error, file=sys.stderr)  # noqa: T201  the command's output
    finally:
        studio.close()


def screen_file(folder: Path, width: int, height: int) -> str:
    """The platform with a screen of the largest window's size, so that menus and popups stay within the pictures and
    where they belong; its own has 800 x 800."""
    path = folder / f".screen-{width}.json"
    path.write_text(json.dumps({"screens": [SCREEN | {"width": width, "height": height}]}), encoding="utf-8")
    return f"offscreen:configfile={os.path.relpath(path)}"  # a drive's colon would end the name


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="screens", description="Draw every page into a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--doubled", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", action="append", default=[], help="Draw what has this word in its name; repeatable.")
    options = parser.parse_args(argv)
    only = tuple(options.only)
    options.folder.mkdir(parents=True, exist_ok=True)
    across, down = (2 * LAPTOP[0], 2 * LAPTOP[1]) if options.doubled else LARGE
    os.environ["QT_QPA_PLATFORM"] = screen_file(options.folder, across, down)
    if options.doubled:
        return take(Order(options.folder, {"200": LAPTOP}, only))
    os.environ.pop("QT_SCALE_FACTOR", None)
    code = take(Order(options.folder, {"": LARGE, "small": SMALL}, only))
    # the factor is read once, before the application exists
    command = [sys.executable, "-m", "paddock.gui.screens", str(options.folder), "--doubled"]
    command += [f"--only={word}" for word in only]
    doubled = subprocess.run(command, env={**os.environ, "QT_SCALE_FACTOR": "2"}, check=False)
    return code or doubled.returncode


if __name__ == "__main__":
    sys.exit(main())
