"""``python -m paddock.gui.screens DIR``: draws every page in light and dark, from real hosts with folders of their own.

``<page>-<theme>.png`` at 1440 x 900, ``<page>-small-<theme>.png`` at the smallest window, ``<page>-200-<theme>.png`` at
960 x 600 logical pixels on a screen of 200 %. The pages of the hub come from the hub of the tests, which only a
checkout has. The exit code is 1 when a page could not be drawn.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtWidgets import QApplication

from paddock.gui.app import make_application
from paddock.gui.screens_batch import BatchPictures
from paddock.gui.screens_browser import BrowserPictures
from paddock.gui.screens_chat import ChatPictures, prepare
from paddock.gui.screens_compare import ComparePictures
from paddock.gui.screens_compare import prepare as prepare_compared
from paddock.gui.screens_finding import FindingPictures
from paddock.gui.screens_hub import CATALOGUE, TestHub
from paddock.gui.screens_judging import JudgingPictures
from paddock.gui.screens_studio import LAPTOP, LARGE, SMALL, THEMES, NotDrawn, Studio
from paddock.sdk.paths import Home

Sizes = dict[str, tuple[int, int]]
Shoot = Callable[[str], None]


def take(folder: Path, sizes: Sizes) -> int:
    """All pictures of the given variants; the exit code."""
    application = make_application()
    failed = chats(application, folder, sizes) + comparing(application, folder, sizes)
    if CATALOGUE.is_file():
        failed += browsing(application, folder, sizes)
    else:
        print(f"Discover, Downloads and Models need a checkout: there is no {CATALOGUE}.", file=sys.stderr)  # noqa: T201
    return int(bool(failed))


def chats(application: QApplication, folder: Path, sizes: Sizes) -> list[str]:
    """Conversations, and what a newcomer has; what could not be drawn."""
    with own_home() as home:
        prepare(home)
        with studio_of(application, home, folder) as studio:
            chat = ChatPictures(studio)
            chat.furnish()
            finding = FindingPictures(studio)
            rounds(studio, sizes, (chat.rich, chat.error, chat.loading, chat.deeds, finding.palette, finding.shortcuts))
            chat.clear_demos(home)
            rounds(studio, sizes, (chat.answers, chat.inspector, chat.empty, chat.server, chat.memory, chat.files,
                                   chat.load_dialog))  # fmt: skip
    return studio.failed


def comparing(application: QApplication, folder: Path, sizes: Sizes) -> list[str]:
    """Comparisons of two to six models; what could not be drawn."""
    with own_home() as home:
        prepare_compared(home)
        with studio_of(application, home, folder) as studio:
            pages = ComparePictures(studio)
            rounds(studio, sizes, (pages.two, pages.three, pages.four, pages.six, pages.long_names, pages.failed,
                                   pages.empty, pages.running, BatchPictures(studio).batch))  # fmt: skip
            judging = JudgingPictures(studio)
            rounds(studio, sizes, (judging.blind, judging.judged, judging.settings, judging.board))
    return studio.failed


def browsing(application: QApplication, folder: Path, sizes: Sizes) -> list[str]:
    """The pages of a person with some models, at first with a hub and then without; what could not be drawn."""
    with own_home() as home:
        hub = TestHub(home.root.parent)
        try:
            with studio_of(application, home, folder) as studio:
                pages = BrowserPictures(studio, hub)
                for prepare_page in (pages.plan, pages.note, pages.throw_away, pages.get):
                    studio.attempt(prepare_page, "")
                rounds(studio, sizes, (pages.discover, pages.card, pages.gated, pages.large_model, pages.searched,
                                       pages.nothing, pages.models, pages.selected, pages.broken, pages.dialogs,
                                       pages.first_run, pages.settings))  # fmt: skip
                studio.attempt(pages.quantize, "")
                rounds(studio, sizes, (pages.downloads,))
                pages.end()
                hub.end()
                rounds(studio, sizes, (pages.offline,))
        finally:
            hub.end()
    return studio.failed


def rounds(studio: Studio, sizes: Sizes, subjects: tuple[Shoot, ...]) -> None:
    """Each subject in each size and theme."""
    for variant, size in sizes.items():
        for theme in THEMES:
            name = studio.dress(theme, size, variant)
            for subject in subjects:
                studio.attempt(subject, name)


@contextmanager
def own_home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="paddock-screens-", ignore_cleanup_errors=True) as place:
        os.environ["PADDOCK_HOME"] = str(Path(place) / "home")
        home = Home.find()
        home.root.mkdir(parents=True)
        (home.root / "settings.toml").write_text("welcomed = true\n", encoding="utf-8")
        yield home


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


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="screens", description="Draw every page into a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--doubled", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if options.doubled:
        return take(options.folder, {"200": LAPTOP})
    os.environ.pop("QT_SCALE_FACTOR", None)
    code = take(options.folder, {"": LARGE, "small": SMALL})
    # the factor is read once, before the application exists
    command = [sys.executable, "-m", "paddock.gui.screens", str(options.folder), "--doubled"]
    doubled = subprocess.run(command, env={**os.environ, "QT_SCALE_FACTOR": "2"}, check=False)
    return code or doubled.returncode


if __name__ == "__main__":
    sys.exit(main())
