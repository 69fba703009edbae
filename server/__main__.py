"""``python -m paddock.server``: the host's process.

Says ``ready``, ``already running`` or ``failed: <sentence>`` on stdout; afterwards its output goes to the log folder.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paddock.sdk.errors import PaddockError
from paddock.sdk.paths import Home
from paddock.server.instance import AlreadyRunning, Instance
from paddock.server.logs import HostLog

if TYPE_CHECKING:
    from paddock.server.host import Host

logger = logging.getLogger("paddock.server")


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the host until there is a reason to leave. 0: left, or another one is running; 1: could not start."""
    asked = _parser().parse_args(arguments)
    # The collector would walk through everything that is just being imported: a seventh of the start.
    gc.disable()
    start = _Start(asked)
    try:
        with Instance(Home.find()) as instance:
            return start.run(instance)
    except AlreadyRunning:
        say("already running")
        return 0
    except PaddockError as error:
        start.failed(error.sentence())
    except Exception as error:  # whatever it is, the starter waits for a sentence
        logger.exception("the host failed")
        start.failed(f"Paddock's host could not start: {type(error).__name__}: {error}")
    return 1


class _Start:
    """One run of the process; knows whether the starter still listens."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._ready = False

    def run(self, instance: Instance) -> int:
        log = HostLog(instance.home.logs)
        log.open(echo=self._asked.foreground)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._live(instance, log))
        except PaddockError:
            raise
        except Exception:  # it is raised again: only here the log is still open
            logger.exception("the host ends by an error")
            raise
        finally:
            log.close()
        return 0

    def failed(self, sentence: str) -> None:
        if not self._ready:
            say("failed: " + " ".join(sentence.split()))

    async def _live(self, instance: Instance, log: HostLog) -> None:
        from paddock.server.host import Host

        host = Host(instance, log)
        reason = "it failed"
        try:
            _listen_to_signals(host)
            await host.open()
            await self._serve(host)
            say("ready")
            self._ready = True
            if not self._asked.foreground:
                log.take_output()
            _report_crashes()
            gc.freeze()
            gc.enable()
            reason = await host.stay()
        finally:
            await host.close(reason)

    async def _serve(self, host: Host) -> None:
        if not self._asked.serve:
            return
        from paddock.sdk.host import ServerRequest

        port = self._asked.api_port
        status = await host.switch_server(
            ServerRequest(running=True, host=self._asked.api_host, port=port, strict_port=port is not None)
        )
        say("serving " + " ".join(status.urls))


def say(line: str) -> None:
    """Tell the starter, who may have gone."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        logger.info("nobody heard: %s", line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m paddock.server", description="Paddock's host.")
    parser.add_argument("--serve", action="store_true", help="switch the public API server on")
    parser.add_argument("--api-host", metavar="HOST", help="address of the API server; default: the settings")
    parser.add_argument("--api-port", metavar="PORT", type=int, help="port of the API server; default: the settings")
    parser.add_argument("--foreground", action="store_true", help="stay with the terminal: warnings go to stderr too")
    return parser


def _listen_to_signals(host: Host) -> None:
    loop = asyncio.get_running_loop()
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        reason = f"it was told to by {signal.Signals(number).name}"
        if sys.platform == "win32":
            signal.signal(number, lambda *_, why=reason: loop.call_soon_threadsafe(host.lifetime.leave, why))
        else:
            loop.add_signal_handler(number, host.lifetime.leave, reason)


def _report_crashes() -> None:
    import faulthandler

    faulthandler.enable()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())
