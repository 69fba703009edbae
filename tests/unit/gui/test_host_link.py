"""What the window hears while it looks for its host."""

from __future__ import annotations

import threading
from contextlib import aclosing
from typing import Any

import pytest

from paddock.gui.host_link import HostLink, Lost
from paddock.sdk import aclient
from paddock.sdk.connect import Found
from paddock.sdk.errors import HostUnavailable
from paddock.sdk.paths import Home

pytestmark = pytest.mark.anyio


async def test_a_slow_start_is_told_before_its_end(tmp_path, monkeypatch):
    over = threading.Event()

    def find_or_start(home: Home, *, slow: Any, **_: Any) -> Found:
        slow()
        over.wait(60)
        raise HostUnavailable("It ended.")

    monkeypatch.setattr(aclient, "find_or_start", find_or_start)
    async with aclosing(HostLink(Home(tmp_path)).updates()) as updates:
        assert await anext(updates) == Lost(stopped=False, slow=True)
        over.set()
        ended = await anext(updates)
    assert isinstance(ended, Lost)
    assert (ended.slow, str(ended.error)) == (False, "It ended.")
