"""What in the folders is no usable model: said in sentences, each with what can be done about it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paddock.browser.describe import quant_in
from paddock.browser.files import ModelFile
from paddock.browser.library_facts import ARRIVING_S, Facts
from paddock.browser.library_ids import repository_of
from paddock.browser.stores import StorePlace
from paddock.sdk.downloads import Download
from paddock.sdk.library import LibraryProblem, ProblemAction

_UNFINISHED = re.compile(
    r"(?:\.(?:gguf|safetensors).*\.(?:part|partial|download|crdownload|opdownload|aria2|tmp)|\.incomplete)$",
    re.IGNORECASE,
)
_Action = tuple[ProblemAction, str]


def is_unfinished(name: str) -> bool:
    """Whether programs call so what they have not downloaded to its end."""
    return _UNFINISHED.search(name) is not None


def unfinished(downloads: Sequence[Download]) -> list[LibraryProblem]:
    """Of ``downloads``, those that stand still."""
    return [
        LibraryProblem(
            path="",
            sentence=f"The download of {download.model} was not finished.",
            remedy=download.error.message if download.error else "Resume it, or take it out of the list.",
            action="resume",
            target=download.id,
            size_bytes=download.done_bytes,
        )
        for download in downloads
        if download.state in ("paused", "failed")
    ]


class Finder:
    """Adds to ``problems`` what is wrong in ``place``; ``ours`` is the folder that downloads go to. ``now`` in Unix
    seconds."""

    def __init__(self, place: StorePlace, problems: list[LibraryProblem], *, ours: bool, now: float) -> None:
        self._place = place
        self._problems = problems
        self._ours = ours
        self._now = now

    def failed(self, sentence: str) -> None:
        """Something that cannot be read; what to do about it may stand behind a line break."""
        said, _, remedy = sentence.partition("\n")
        self._problems.append(LibraryProblem(path=str(self._place.path), sentence=said, remedy=remedy))

    def unfinished(self, file: ModelFile) -> None:
        """What another program has not downloaded to its end, unless it may be at it just now."""
        if self._now - file.changed_ns / 1e9 >= ARRIVING_S:
            sentence = f"{file.proper_name} is a download that was not finished."
            remedy = "Finish it with the program that began it, or delete it."
            self._add(file, sentence, remedy, self._delete())

    def broken(self, file: ModelFile, fact: Facts) -> str:
        """A file with an error; the sentences about it."""
        again = fact.remedy == "download"
        self._add(file, fact.error, fact.hint, self._again(file) if again else ("none", ""))
        return f"{fact.error} {fact.hint}".strip()

    def incomplete(self, files: Sequence[ModelFile], sentence: str) -> str:
        """A model that lacks a file; the sentences about it."""
        self._add(files[0], sentence, "Download it again.", self._again(files[0]), sum(file.size for file in files))
        return f"{sentence} Download it again."

    def _again(self, file: ModelFile) -> _Action:
        """A download repairs what is in our folder; what lies elsewhere can only be taken away."""
        repo = repository_of(self._place, file.path.parent)
        if not self._ours or not repo:
            return self._delete()
        quant = quant_in(file.proper_name.rpartition(".")[0])
        return "download", f"{repo}:{quant}" if quant else repo

    def _delete(self) -> _Action:
        return ("delete", "") if self._place.removable else ("none", "")

    def _add(self, file: ModelFile, sentence: str, remedy: str, action: _Action, size: int | None = None) -> None:
        if not self._place.removable and action[0] == "none" and remedy:
            remedy = self._place.note or remedy
        self._problems.append(
            LibraryProblem(
                path=str(file.path),
                sentence=sentence,
                remedy=remedy,
                action=action[0],
                target=action[1],
                size_bytes=file.size if size is None else size,
            )
        )
