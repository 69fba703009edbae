"""Values about the models on disk beyond the models themselves: where they lie, what is wrong, what was deleted, and
how one comes in or becomes another. Sizes in bytes, times in Unix seconds."""

from __future__ import annotations

from typing import Literal

from paddock.sdk.memory import Estimate
from paddock.sdk.types import ModelSource, Request, Value

ImportMethod = Literal["copy", "move", "hardlink", "symlink"]
ProblemAction = Literal["none", "resume", "download", "delete"]


class Place(Value, frozen=True, kw_only=True):
    """A folder that models are read from in place: ours, one that the user named, or the store of another program.

    ``name`` is for people (“LM Studio”). ``models`` and ``size_bytes`` are what was found in it. One that is not
    ``shown`` was hidden by the user: it is looked at only to say what it holds. ``removable``: its models may be
    deleted here; where not, ``note`` says what to do instead. ``problem`` says why it cannot be read. ``free_bytes``
    are free on its disk, None where that cannot be told.
    """

    path: str
    source: ModelSource
    name: str
    models: int = 0
    size_bytes: int = 0
    shown: bool = True
    removable: bool = True
    note: str = ""
    problem: str = ""
    free_bytes: int | None = None


class LibraryProblem(Value, frozen=True, kw_only=True):
    """Something in the folders that is no usable model: a broken file, a part that is missing, a download that was not
    finished, a folder that cannot be read.

    ``sentence`` says what and why, ``remedy`` what to do. ``action`` is what a button can do about it: ``resume`` the
    download ``target`` (a download's id), ``download`` the model ``target`` (REPO:QUANT) again, ``delete`` the file at
    ``path`` to the trash, or nothing.
    """

    path: str
    sentence: str
    remedy: str = ""
    action: ProblemAction = "none"
    target: str = ""
    size_bytes: int = 0


class ModelPatch(Request, frozen=True, kw_only=True):
    """Changes to what is kept about a model; None leaves a field as it is. ``aliases`` are all its further names."""

    notes: str | None = None
    aliases: tuple[str, ...] | None = None


class Trashed(Value, frozen=True, kw_only=True):
    """A model that was deleted and can be had back until ``expires``. Its ``size_bytes`` are free on the disk once it
    has left the trash too; ``name`` is the model's, ``model`` the id it had."""

    id: str
    model: str
    name: str
    path: str
    size_bytes: int
    files: int
    deleted: float
    expires: float


class ImportRequest(Request, frozen=True, kw_only=True):
    """Take the model file at ``path``, or all models of the folder at ``path``, into our own folder. The path is
    absolute. ``name`` is PUBLISHER/REPO, where the place of the file does not tell it."""

    path: str
    method: ImportMethod = "copy"
    name: str = ""


class ImportPreview(Value, frozen=True, kw_only=True):
    """What an import of ``path`` would take: so many models with ``files`` of ``size_bytes`` together, into
    ``target``, a folder whose disk has ``free_bytes`` free. ``name`` is PUBLISHER/REPO that a single model would get;
    ``there`` the id it has in the library already. ``refused`` says for a method why it cannot be had here,
    ``left_out`` in a sentence each what lies there and cannot come along."""

    path: str
    models: int
    files: int
    size_bytes: int
    free_bytes: int
    target: str
    name: str = ""
    there: str = ""
    refused: dict[ImportMethod, str] = {}
    left_out: tuple[str, ...] = ()


class QuantizeRequest(Request, frozen=True, kw_only=True):
    """Make a smaller model of ``model`` (id or path of a GGUF file) with the weights as ``quant`` (“Q4_K_M”).

    ``requantize`` allows a model whose weights are quantised already, at a loss. ``threads`` None: what the machine
    has. The outcome lies beside other models as REPO:QUANT of the same repository.
    """

    model: str
    quant: str
    requantize: bool = False
    threads: int | None = None


class QuantChoice(Value, frozen=True, kw_only=True):
    """A quant that a model could be made into: the predicted size of its file, and whether that would fit. ``about``
    says in words what is given up. ``refusal`` says why it cannot be made from this model."""

    quant: str
    size_bytes: int
    bits_per_weight: float
    about: str
    estimate: Estimate | None = None
    refusal: str = ""
