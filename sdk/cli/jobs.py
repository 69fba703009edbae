"""A job of the host on the terminal: its progress until it ends, and its end as an error or a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import typer

from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.errors import HostUnavailable, PaddockError
from paddock.sdk.events import JobChanged, Snapshot
from paddock.sdk.jobs import ENDED, Job
from paddock.sdk.units import bytes_text, span_text

_LOOK_S = 0.5


def finish(client: Client, terminal: Terminal, job: Job) -> Job:
    """Until ``job`` is done. Ctrl+C cancels it. Raises what it failed with."""
    try:
        job = _wait(client, terminal, job)
    except KeyboardInterrupt:
        client.cancel_job(job.id)
        terminal.note("Cancelled. What had been made is removed.")
        raise typer.Exit(130) from None
    if job.error is not None:
        raise PaddockError.from_info(job.error)
    if job.state == "cancelled":
        raise PaddockError("It was cancelled.", hint="What had been made is removed.")
    return job


@contextmanager
def shown(terminal: Terminal, id: str, doing: str) -> Iterator[None]:
    """Show on a terminal that is watched how far the job ``id`` is, for as long as the body waits for its end;
    ``doing`` until it is a job."""
    if not terminal.watched:
        yield
        return
    over = threading.Event()
    with terminal.status(doing) as status:

        def look() -> None:
            with suppress(PaddockError), Client.connect(client="cli") as client:
                while not over.wait(_LOOK_S):
                    for job in client.jobs():
                        if job.id == id:
                            status.update(line_of(job))

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()


def line_of(job: Job) -> str:
    """How far it is, for a person."""
    facts = [f"{printable(job.title)}: {job.state}"]
    if job.total_bytes:
        facts = [f"{printable(job.title)}: {bytes_text(job.done_bytes)} of {bytes_text(job.total_bytes)}"]
    if (share := job.share()) is not None:
        facts.append(f"{share:.0%}")
    if job.seconds_left is not None:
        facts.append(f"{span_text(job.seconds_left)} left")
    if job.note:
        facts.append(printable(job.note))
    return " · ".join(facts)


def _wait(client: Client, terminal: Terminal, job: Job) -> Job:
    if not terminal.watched:
        return _follow(client, job, lambda seen: None)
    with terminal.status(line_of(job)) as status:
        return _follow(client, job, lambda seen: status.update(line_of(seen)))


def _follow(client: Client, job: Job, seen: Callable[[Job], None]) -> Job:
    for event in client.events():
        now: Job | None
        match event:
            case Snapshot(jobs=jobs):
                now = next((each for each in jobs if each.id == job.id), None)
            case JobChanged(id=job.id, job=now):
                pass
            case _:
                continue
        if now is None:
            raise PaddockError("The job is no longer in the list.", hint="Look with “paddock ls” what came of it.")
        seen(now)
        if now.state in ENDED:
            return now
    raise HostUnavailable("Paddock’s host has ended.", hint="What had been made is removed; try again.")
