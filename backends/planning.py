"""What the pool asks before a load: what it takes, whether it fits, who would have to leave."""

from __future__ import annotations

from typing import Literal, Protocol

from paddock.sdk.memory import Guard, Prediction, Remedy
from paddock.sdk.types import ModelInfo, Options, Value


class GuardRule(Value, frozen=True, kw_only=True):
    """The user's memory guard. ``limit`` bytes of the machine's memory are for all models together under ``custom``."""

    mode: Guard = "balanced"
    limit: int = 0


class Judgement(Value, frozen=True, kw_only=True):
    """Whether a load fits. ``unload`` are the idle instances that have to leave for it, ``missing`` the bytes that each
    device lacks even when all that are idle have left, ``free`` what each device may give now and ``left`` what would
    stay free afterwards.
    ``note`` is a sentence on why it cannot be told."""

    verdict: Literal["fits", "fits_if_unloaded", "does_not_fit", "cannot_tell"]
    unload: tuple[str, ...] = ()
    missing: dict[str, int] = {}
    free: dict[str, int] = {}
    left: dict[str, int] = {}
    note: str = ""


class Plan(Value, frozen=True, kw_only=True):
    """A load that is about to begin: its options, with everything decided that was left to us (``n_ctx`` auto), and
    what it takes; None where nobody can tell."""

    options: Options
    prediction: Prediction | None = None


class Planner(Protocol):
    """Predicts loads. The pool asks it on the host's loop."""

    async def plan(self, model: ModelInfo, options: Options, *, replacing: tuple[str, ...] = ()) -> Plan:
        """What the load takes. ``replacing`` are instances whose memory will be free by then. Raises what makes the
        options or the file unusable; a simulation that fails is a worse prediction, no error."""
        ...

    async def remedy(
        self, model: ModelInfo, plan: Plan, *, replacing: tuple[str, ...] = (), limit: int | None = None
    ) -> Remedy | None:
        """The smallest change after which the load would fit; None where there is none. ``limit`` is what a worker that
        ran out of memory could have had of the machine's in all."""
        ...
