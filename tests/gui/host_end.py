"""How the tests of the window end their hosts."""

from __future__ import annotations

from pathlib import Path


async def end_host(home: Path) -> None:
    """Ask a host of ``home`` to end, if there is one."""
    from paddock.sdk.aclient import AsyncClient
    from paddock.sdk.errors import HostUnavailable

    try:
        async with await AsyncClient.connect(home, start=False) as client:
            await client.shutdown("now")
    except HostUnavailable:
        pass
