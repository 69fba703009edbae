"""Frames from a worker's threads to its pipe: whole, in order, and without keeping anybody waiting."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator

import pytest

from paddock.backends import outbox, wire
from paddock.backends.outbox import Outbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes there cannot be asked for room")


class Pipe:
    """Both ends; what was written is read as frames."""

    def __init__(self) -> None:
        self.source, sink = os.pipe()
        self.outbox = Outbox(sink)
        self._unframer = wire.Unframer(wire.FromWorker)

    def ready(self) -> bool:
        """Whether there is something to read at this moment."""
        return bool(select.select([self.source], [], [], 0)[0])

    def read(self, count: int) -> list[wire.LogLine]:
        """``count`` frames, or more that came with the last of them."""
        frames: list[wire.LogLine] = []
        while len(frames) < count:
            frames += self._unframer.feed(os.read(self.source, 1 << 16))
        return frames


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.outbox.flush()
    os.close(made.source)


def line(text: str, who: int = 0) -> wire.LogLine:
    return wire.LogLine(level=who, logger="", text=text)


def test_a_frame_alone_is_in_the_pipe_when_put_returns(pipe: Pipe) -> None:
    pipe.outbox.put(line("alone"))
    assert pipe.ready()
    assert [frame.text for frame in pipe.read(1)] == ["alone"]


def test_frames_close_behind_another_come_together(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "CLOSE_S", 3600.0)
    texts = [str(number) for number in range(20)]
    for text in texts:
        pipe.outbox.put(line(text))
    assert [frame.text for frame in pipe.read(20)] == texts


def test_a_full_pipe_keeps_nobody_waiting_and_loses_nothing(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "CLOSE_S", 0.0)
    texts = [f"{number} " + "x" * 3000 for number in range(200)]
    for text in texts:
        pipe.outbox.put(line(text))  # nobody reads: more than any pipe holds
    assert [frame.text for frame in pipe.read(200)] == texts


@pytest.mark.parametrize("close_s", [0.0, 0.0005])
def test_every_thread_keeps_its_order(pipe: Pipe, monkeypatch: pytest.MonkeyPatch, close_s: float) -> None:
    """Short frames, which may be written at once, among long ones, which may not."""
    monkeypatch.setattr(outbox, "CLOSE_S", close_s)

    def speak(who: int) -> None:
        for number in range(200):
            pipe.outbox.put(line(f"{number}" + "x" * (9000 if number % 7 == who else 0), who))

    threads = [threading.Thread(target=speak, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    frames = pipe.read(800)
    for thread in threads:
        thread.join()
    assert len(frames) == 800
    for who in range(4):
        assert [int(frame.text.rstrip("x")) for frame in frames if frame.level == who] == list(range(200))


def test_flush_waits_for_what_was_put(pipe: Pipe) -> None:
    long = line("y" * 3_000_000)
    pipe.outbox.put(long)
    flushed = threading.Event()
    threading.Thread(target=lambda: (pipe.outbox.flush(), flushed.set())).start()
    assert not flushed.wait(0.1), "nobody has read it"
    assert pipe.read(1) == [long]
    assert flushed.wait(60)
