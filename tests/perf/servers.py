"""Paddock and llama-server side by side, with the same model, context, slots and threads."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from bench_model import bench_model
from chat_load import ChatLoad, ChatRequest, Stream
from paddock_server import paddock_server
from reference import LlamaServer, build
from words import chat

Ask = Callable[[list[ChatRequest]], list[Stream]]
"""Sends the requests to one of the servers and waits for all answers."""


@contextmanager
def both_servers(asked: argparse.Namespace, *, context: int, parallel: int) -> Iterator[dict[str, Ask]]:
    """``paddock`` and ``llama_server``, after a few words each. ``context`` is for all ``parallel`` sequences."""
    programs, model = build(asked.cache), bench_model(asked.cache)
    shape = {"context": context, "parallel": parallel, "threads": asked.threads}
    with paddock_server(model, **shape) as paddock, LlamaServer(programs, model, **shape) as server, ChatLoad() as load:
        servers: dict[str, Ask] = {
            "paddock": partial(load.run, paddock.url, paddock.model),
            "llama_server": partial(load.run, server.url, server.model),
        }
        for ask in servers.values():
            ask([ChatRequest(chat("warm-up", "warm-up"), 8)])
        yield servers
