"""Models whose load has failed for a reason of their own: requests do not try it again at once."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from paddock.sdk.errors import EngineDied, LoadFailed, ModelUnusable, OutOfMemory, PaddockError
from paddock.sdk.types import ModelInfo, Options

RETRY_S = 60.0


class _Failure(msgspec.Struct, frozen=True):
    error: PaddockError
    options: Options
    file: tuple[int, int] | None
    until: float


class FailedLoads:
    """Stands for :data:`RETRY_S` seconds on ``clock``, unless the model's file or the options change."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, _Failure] = {}

    def note(self, model: ModelInfo, options: Options, error: PaddockError) -> None:
        """A load has failed. A refusal by the memory guard is no failure of the model."""
        if isinstance(error, ModelUnusable | LoadFailed | EngineDied) and "verdict" not in error.details:
            until = self._clock() + RETRY_S
            self._failures[model.id] = _Failure(error, options, _file(model), until)

    def forget(self, model_id: str) -> None:
        self._failures.pop(model_id, None)

    def check(self, model: ModelInfo, options: Options) -> None:
        """Raises the reason again while it stands."""
        failure = self._failures.get(model.id)
        if failure is None:
            return
        left = failure.until - self._clock()
        if left <= 0 or failure.options != options or failure.file != _file(model):
            self.forget(model.id)
            return
        info = failure.error.info()
        again = f"The next request after {max(1, round(left))} s tries it again, loading the model does so at once."
        promises = isinstance(failure.error, EngineDied) and not isinstance(failure.error, OutOfMemory)
        hint = again if promises else f"{info.hint} {again}".strip()  # A death's own hint promises to try it now.
        details = info.details | {"retry_after_s": left}
        raise PaddockError.from_info(msgspec.structs.replace(info, hint=hint, details=details))


def _file(model: ModelInfo) -> tuple[int, int] | None:
    try:
        status = os.stat(model.path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
