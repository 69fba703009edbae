"""Pictures in a prompt: marks in the rendered text, and what the model reads in their places."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import structs

from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.picture_tokens import FEWEST_TOKENS, picture_tokens, spans_of
from paddock.backends.llamacpp.projector import Chunk, Projector
from paddock.sdk.errors import BadRequest, NoVision, PaddockError, TemplateFailed
from paddock.sdk.pictures import picture_of
from paddock.sdk.types import Message

_CHOOSE = "Choose one with vision. If it has a projector (mmproj), load it with that."
_REMEMBERED = 256
"""Pictures whose lengths are known without looking at them again."""


class _Piece(NamedTuple):
    """Tokens around a picture, or a part of it."""

    tokens: list[int]
    grid: npt.NDArray[np.int32] | None = None
    key: bytes = b""


class _Shown(NamedTuple):
    """A picture as it stands in a prompt; ``chunk`` gives a piece of it by its number."""

    pieces: list[_Piece]
    chunk: Callable[[int], Chunk]


class Illustrator:
    """Finds out what a model reads of pictures. The preparing thread.

    Args:
        projector: None: the model sees nothing.
        most: Tokens that can be read in one step, for models whose pictures cannot be read in several.
        blind: Why there is no projector, where one was wanted.
    """

    def __init__(self, projector: Projector | None, most: int, blind: PaddockError | None = None) -> None:
        self._blind = blind
        self._projector = projector
        self._most = most
        self._known: OrderedDict[str, list[_Piece]] = OrderedDict()

    def illustrate(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Illustrations | None]:
        """``messages`` with marks in the places of their pictures, and what the marks stand for; None without pictures.

        Raises BadRequest.
        """
        if not any(message.pictures for message in messages):
            return messages, None
        if self._projector is None:
            raise NoVision(
                "This model cannot see pictures." if self._blind is None else self._blind.message,
                hint=self._blind.hint if self._blind is not None else _CHOOSE,
            )
        found = Illustrations()
        return [self._marked(message, found) for message in messages], found

    def _marked(self, message: Message, found: Illustrations) -> Message:
        said, text, done = message.content, "", 0
        for picture in sorted(message.pictures, key=lambda picture: picture.at):
            if picture.data is None:
                raise BadRequest("A picture of the conversation is gone.", hint="Remove it from its message.")
            at = min(max(picture.at, 0), len(said))
            text += said[done:at] + found.add(self._shown(picture.data))
            done = at
        return structs.replace(message, content=text + said[done:], pictures=())

    def _shown(self, data: bytes) -> _Shown:
        assert self._projector is not None
        picture, split = picture_of(data), partial(self._projector.split, data)
        chunks: dict[int, Chunk] = {}
        pieces = self._known.get(picture.hash)
        if pieces is None:
            parts = split()
            chunks = {number: part for number, part in enumerate(parts) if isinstance(part, Chunk)}
            pieces = [self._piece(picture.hash, number, part) for number, part in enumerate(parts)]
            self._known[picture.hash] = pieces
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

        def chunk(number: int) -> Chunk:
            made = chunks.pop(number, None) or split()[number]
            assert isinstance(made, Chunk)
            return made

        return _Shown(pieces, chunk)

    def _piece(self, name: str, number: int, part: list[int] | Chunk) -> _Piece:
        if not isinstance(part, Chunk):
            return _Piece(part)
        assert self._projector is not None
        if self._projector.whole and part.count > self._most:
            raise BadRequest(
                f"The picture takes {part.count:,} tokens, and the model reads at most {self._most:,} at once.",
                hint="Load it with a larger physical batch size (n_ubatch).",
            )
        key = hashlib.sha256(self._projector.identity + f"{name} {number}".encode()).digest()
        return _Piece(picture_tokens(key, part.count, part.positions), part.grid, key)

    def runs(self, tokens: Sequence[int], found: Illustrations) -> tuple[PictureRun, ...]:
        """The pictures in ``tokens``, in their order."""
        assert self._projector is not None
        runs = []
        for start, end, positions in spans_of(tokens):
            shown, number = found.at(tokens[start : start + FEWEST_TOKENS])
            piece = shown.pieces[number]
            assert piece.grid is not None
            runs.append(
                PictureRun(
                    start=start,
                    end=end,
                    positions=positions,
                    grid=piece.grid,
                    key=piece.key,
                    chunk=partial(shown.chunk, number),
                    whole=self._projector.whole or self._projector.mrope,
                    causal=not self._projector.whole,
                )
            )
        return tuple(runs)


class Illustrations:
    """The pictures of one prompt by their marks, which nobody else can write: they are drawn at random."""

    def __init__(self) -> None:
        self._name = secrets.token_hex(8)
        self._shown: list[_Shown] = []
        self._pieces: dict[tuple[int, ...], tuple[_Shown, int]] = {}

    def add(self, shown: _Shown) -> str:
        """The mark that stands for it."""
        self._shown.append(shown)
        for number, piece in enumerate(shown.pieces):
            if piece.grid is not None:
                self._pieces[tuple(piece.tokens[:FEWEST_TOKENS])] = shown, number
        return f"<picture-{self._name}-{len(self._shown) - 1}>"

    def at(self, tokens: Sequence[int]) -> tuple[_Shown, int]:
        """Which picture, and which piece of it, begins with ``tokens``."""
        return self._pieces[tuple(tokens)]

    def check(self, text: str) -> None:
        """Raises TemplateFailed where a rendered prompt does not show every picture once."""
        marks = re.findall(f"<picture-{self._name}-(\\d+)>", text)
        if sorted(map(int, marks)) != list(range(len(self._shown))):
            raise TemplateFailed(
                "The model’s chat template does not show the pictures of this conversation.",
                hint="Choose another template, or remove the pictures.",
            )

    def after(self, text: str) -> str:
        """What of a rendered prompt stands behind its last picture: it will stand there in the next prompt too."""
        return re.split(f"<picture-{self._name}-\\d+>", text)[-1]

    def over(self, model: Model) -> IllustratedTokenizer:
        return IllustratedTokenizer(model, self)

    def tokens(self, model: Model, text: str, add_special: bool) -> list[int]:
        tokens: list[int] = []
        for number, part in enumerate(re.split(f"<picture-{self._name}-(\\d+)>", text)):
            if number % 2:
                tokens += (token for piece in self._shown[int(part)].pieces for token in piece.tokens)
            elif part or (add_special and not tokens):
                tokens += model.tokenize(part, add_special=add_special and not tokens)
        return tokens


class IllustratedTokenizer:
    """A model's vocabulary that reads marks as the pictures they stand for."""

    def __init__(self, model: Model, illustrations: Illustrations) -> None:
        self._model = model
        self._illustrations = illustrations
        self.add_eos = model.add_eos

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        return self._illustrations.tokens(self._model, text, add_special)

    def is_control(self, token: int) -> bool:
        return token >= 0 and self._model.is_control(token)
