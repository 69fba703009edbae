"""``paddock doctor``: what keeps Paddock from working here, and what to do about it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.text import Text

from paddock.sdk.cli.checks import Finding, local_findings
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.connect import home_of
from paddock.sdk.errors import PaddockError
from paddock.sdk.paths import Home
from paddock.sdk.types import Device, EngineInfo
from paddock.sdk.units import bytes_text
from paddock.sdk.version import VERSION

ECHO_SPAN_S = 9 * 0.05
"""The ten events of ``/control/echo`` take so long, unless something holds them back."""
SLOW_REQUEST_S = 0.02
_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
_TEST_ENGINE = "echo"


def doctor(*, json: bool) -> None:
    """Run every check and print what was found; exits with 1 when one failed."""
    terminal = Terminal()
    home = home_of(None)
    found: list[Finding] = []
    for finding in findings(home):
        found.append(finding)
        if not json:
            _print(terminal, finding)
    failed = any(finding.status == "fail" for finding in found)
    if json:
        terminal.json({"version": VERSION, "home": str(home.root), "ok": not failed, "checks": found})
    if failed:
        raise typer.Exit(1)


def findings(home: Home) -> Iterator[Finding]:
    """What this computer shows, then what the host says; the host is started where none runs."""
    yield from local_findings(home)
    started = time.monotonic()
    try:
        client = Client.connect(home, client="cli")
    except PaddockError as error:
        yield Finding(name="Host", status="fail", message=error.message, remedy=error.hint)
        return
    waited = time.monotonic() - started
    with client:
        yield from _through("Host", _host(client, waited))
        yield from _through("Streaming", _stream(client))
        yield from _through("Engines", _engines(client))
        yield from _through("Memory", _memory(client))
        yield from _through("Models", _models(client, home))
        yield from _through("Downloads", _downloads(client))
        yield from _through("Conversations", _conversations(client))


def _through(name: str, checks: Iterator[Finding]) -> Iterator[Finding]:
    """``checks``, an error in them as a finding."""
    try:
        yield from checks
    except PaddockError as error:
        yield Finding(name=name, status="fail", message=error.message, remedy=error.hint)


def _host(client: Client, waited_s: float) -> Iterator[Finding]:
    shake = client.handshake()
    times = []
    for _ in range(20):
        before = time.perf_counter()
        client.handshake()
        times.append(time.perf_counter() - before)
    median = statistics.median(times)
    log = client.logs(1).path
    yield Finding(
        name="Host",
        status="ok",
        message=f"version {shake.version} in process {shake.pid}, reached in {waited_s:.2f} s; its log: {log}",
    )
    slow = median > SLOW_REQUEST_S
    yield Finding(
        name="Requests",
        status="warn" if slow else "ok",
        message=f"{median * 1000:.1f} ms for a small request (median of {len(times)})",
        remedy="A security program may inspect loopback connections: exempt Python from it." if slow else "",
    )


def _stream(client: Client) -> Iterator[Finding]:
    for _ in range(3):  # a moment in which the machine did something else looks like buffering too
        started = time.perf_counter()
        arrivals = [time.perf_counter() - started for _ in client.echo()]
        span = arrivals[-1] - arrivals[0] if arrivals else 0.0
        if len(arrivals) == 10 and span >= ECHO_SPAN_S / 4:
            message = f"10 events over {span:.2f} s, the first after {arrivals[0] * 1000:.0f} ms"
            yield Finding(name="Streaming", status="ok", message=message)
            return
    yield Finding(
        name="Streaming",
        status="warn",
        message=f"{len(arrivals)} of 10 events came within {span:.2f} s instead of {ECHO_SPAN_S:.2f} s: buffering.",
        remedy="Answers will appear in lumps. A proxy or an antivirus’ web shield does this: exempt 127.0.0.1 from it.",
    )


def _downloads(client: Client) -> Iterator[Finding]:
    remains = client.download_remains()
    if remains:
        size, count = bytes_text(sum(one.size_bytes for one in remains)), len(remains)
        whose = "a download that is" if count == 1 else f"{count:,} downloads that are"
        yield Finding(
            name="Downloads",
            status="warn",
            message=f"{size} are left of {whose} in no list, in {Path(remains[0].path).parent}",
            remedy="“paddock downloads” names them, and removes them on demand.",
        )


def _conversations(client: Client) -> Iterator[Finding]:
    state, backups = client.chat_store(), client.backups()
    sizes = f"{bytes_text(state.size_bytes)} in {state.path}"
    newest = (
        f"the latest backup is of {time.strftime('%Y-%m-%d', time.localtime(backups[0].created))}" if backups else ""
    )
    yield Finding(name="Conversations", status="ok", message=f"{sizes}; {newest or 'no backup yet'}")
    if state.repair is not None and state.repair.kept and Path(state.repair.kept).exists():
        remedy = f"When nothing is missing, remove {state.repair.kept}; else restore a backup in the settings."
        yield Finding(name="Conversations", status="warn", message=state.repair.text, remedy=remedy)


def _engines(client: Client) -> Iterator[Finding]:
    engines = [engine for engine in client.engines() if engine.name != _TEST_ENGINE]
    usable = any(engine.available for engine in engines)
    if not engines:
        yield Finding(
            name="Engines",
            status="fail",
            message="No engine is registered.",
            remedy="Install Paddock again: its engines come with the package.",
        )
    for engine in engines:
        name = f"Engine {engine.name}"
        if engine.available:
            yield Finding(name=name, status="ok", message=_engine(engine))
        else:
            yield Finding(
                name=name,
                status="warn" if usable else "fail",
                message=f"{engine.title} cannot be used.",
                remedy=engine.reason or "Start Paddock through run.py, which installs it.",
            )


def _engine(engine: EngineInfo) -> str:
    devices = "; ".join(_device(device) for device in engine.devices)
    return f"{engine.title} {engine.version}".strip() + (f" on {devices}" if devices else "")


def _device(device: Device) -> str:
    text = device.description or device.name
    if device.total_bytes is not None:
        text += f", {bytes_text(device.total_bytes)}"
    if device.free_bytes is not None:
        text += f" ({bytes_text(device.free_bytes)} free)"
    return text


def _memory(client: Client) -> Iterator[Finding]:
    this = client.machines()[0]
    now = {state.device.name: state for state in client.memory().devices}
    parts = []
    for device in this.devices:
        state = now.get(device.name)
        text = f"{device.name} {bytes_text(device.total)}"
        if device.shares_ram:
            text += ", shared with RAM"
        elif state is not None:
            text += f", {bytes_text(state.free)} for models"
        parts.append(text)
    cores = f"{this.cores} cores" if this.cores else ""
    message = "; ".join(filter(None, (", ".join(filter(None, (this.cpu, cores))), *parts)))
    yield Finding(name="Memory", status="ok", message=message)


def _models(client: Client, home: Home) -> Iterator[Finding]:
    models = client.models()
    if not models:
        yield Finding(
            name="Models",
            status="warn",
            message="There are none.",
            remedy=f"Put GGUF files into {home.models}, or name a file: “paddock chat -m FILE”.",
        )
    else:
        yield Finding(name="Models", status="ok", message=f"{len(models)} on disk")
    for problem in client.model_problems():
        remedy = problem.remedy or "Look at the rights of the folder or the name of the file."
        where = f" File: {problem.path}" if problem.path else ""
        yield Finding(name="Models", status="warn", message=problem.sentence, remedy=f"{remedy}{where}")


def _print(terminal: Terminal, finding: Finding) -> None:
    mark, colour = _MARKS[finding.status]
    line = Text(f"{mark} ", style=colour)
    line.append(f"{finding.name}  ", style="bold default")
    line.append(printable(finding.message), style="default")
    terminal.out.print(line, soft_wrap=True)
    if finding.remedy:
        terminal.out.print(Text(f"  → {printable(finding.remedy)}", style=colour), soft_wrap=True)
