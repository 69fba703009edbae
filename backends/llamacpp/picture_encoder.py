"""Pictures on their way to embeddings, on a thread of its own that computes in turns with the engine's."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.bugs import told
from paddock.backends.llamacpp.projector import Chunk, Embeddings, Projector
from paddock.sdk.errors import PaddockError

CACHE_BYTES = 128 * 2**20
"""Embeddings that stay for the next request."""
TURN_S = 0.02
_YIELD_S = 0.001


@dataclass(eq=False)
class PictureRun:
    """A picture, or a piece of one, within a prompt: tokens ``start`` to ``end`` of it, at ``grid`` from its first
    position on (int32, (4, tokens)).

    Attributes:
        key: All that shapes the embeddings.
        chunk: Gives what is encoded, when it is needed.
        whole: Must be read in one step.
        causal: Its tokens see only what is before them.
        embeddings: Once they are there.
        error: Why they will not be.
        done: How much of the encoding is done, 0 to 1.
    """

    start: int
    end: int
    positions: int
    grid: npt.NDArray[np.int32]
    key: bytes
    chunk: Callable[[], Chunk]
    whole: bool = False
    causal: bool = True
    embeddings: Embeddings | None = None
    error: PaddockError | None = None
    done: float = 0.0


@dataclass(eq=False)
class _Work:
    chunk: Callable[[], Chunk]
    runs: dict[str, PictureRun] = field(default_factory=dict)


class PictureEncoder:
    """Encodes what requests wait for, each picture once. Any thread.

    Args:
        projector: Computes; this object closes it.
        turn: Held while it does.
        changed: Called, on any thread, when a run got further.
        most: Bytes of embeddings that stay.
        turn_s: Seconds that the projector computes before others may.
    """

    def __init__(
        self,
        projector: Projector,
        turn: threading.Lock,
        changed: Callable[[], None],
        most: int = CACHE_BYTES,
        turn_s: float = TURN_S,
    ) -> None:
        self._projector = projector
        self._turn = turn
        self._told = changed
        self._most = most
        self._turn_s = turn_s
        self._changed = threading.Condition()
        self._queue: OrderedDict[bytes, _Work] = OrderedDict()
        self._made: OrderedDict[bytes, Embeddings] = OrderedDict()
        self._closing = False
        self._since = 0.0
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    def want(self, request_id: str, run: PictureRun) -> None:
        """Have ``run`` encoded for a request, unless that is under way."""
        with self._changed:
            run.embeddings = self._made.get(run.key)
            if run.embeddings is not None:
                self._made.move_to_end(run.key)
                self._told()
                return
            self._queue.setdefault(run.key, _Work(run.chunk)).runs[request_id] = run
            self._changed.notify_all()

    def forget(self, request_id: str) -> None:
        """The request waits no longer; what nobody waits for is not encoded to its end."""
        with self._changed:
            for work in self._queue.values():
                work.runs.pop(request_id, None)

    def shed(self) -> None:
        with self._changed:
            self._made.clear()

    def close(self) -> None:
        """Blocks for a step."""
        with self._changed:
            self._closing = True
            self._queue.clear()
            self._changed.notify_all()
        self._thread.join()
        self._projector.close()

    # ------------------------------------------------------------ its own thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if self._closing:
                    return
                key, work = next(iter(self._queue.items()))
            made, error = self._encoded(key, work)
            with self._changed:
                if made is not None:
                    self._keep(key, made)
                if made is None and error is None and work.runs:
                    continue  # it was stopped, and wanted again meanwhile
                self._queue.pop(key, None)
                for run in work.runs.values():
                    run.embeddings, run.error = made, error
            self._told()

    def _encoded(self, key: bytes, work: _Work) -> tuple[Embeddings | None, PaddockError | None]:
        def go_on(fraction: float) -> bool:
            now = time.monotonic()
            if now - self._since < self._turn_s:
                return True
            self._turn.release()
            with self._changed:
                for run in work.runs.values():
                    run.done = fraction
                wanted = bool(work.runs) and not self._closing
            self._told()
            time.sleep(_YIELD_S)  # a lock that is taken again at once never changes hands
            self._turn.acquire()
            self._since = time.monotonic()
            return wanted

        try:
            chunk = work.chunk() if work.runs else None
            if chunk is None:
                return None, None
            with self._turn:
                self._since = time.monotonic()
                return self._projector.encode(chunk, go_on), None
        except Exception as error:  # noqa: BLE001 - a bug must end the requests that wait, not the thread
            return None, told(error)

    def _keep(self, key: bytes, made: Embeddings) -> None:
        self._made[key] = made
        while len(self._made) > 1 and sum(each.nbytes for each in self._made.values()) > self._most:
            self._made.popitem(last=False)
