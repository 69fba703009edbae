"""The host's event stream: whatever changes is published once and reaches every attached client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from paddock.sdk.events import RaiseWindow

if TYPE_CHECKING:
    from paddock.sdk.events import HostEvent
    from paddock.sdk.host import RaiseRequest


class Subscription:
    """One attached client. An asynchronous iterator over events that ends when the bus lets go of the client."""

    def __init__(self, client: str, limit: int) -> None:
        self.client = client
        self._limit = limit
        self._events: deque[HostEvent] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, event: HostEvent) -> None:
        if self._closed:
            return
        if len(self._events) >= self._limit:
            # A client this far behind gets a fresh snapshot cheaper than the backlog; memory must not grow for it.
            self._events.clear()
            self._closed = True
        else:
            self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        """End after what is already waiting has been delivered."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> HostEvent:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()


class Bus:
    """Fans events out. Everything runs on the host's loop; ``limit`` bounds what waits for one slow client."""

    def __init__(self, *, limit: int = 1000) -> None:
        self._limit = limit
        self._subscriptions: list[Subscription] = []
        self._watchers: list[Callable[[], None]] = []
        self._closed = False

    def on_attached(self, watcher: Callable[[], None]) -> None:
        """Call ``watcher`` whenever a client has come or gone."""
        self._watchers.append(watcher)

    def subscribe(self, client: str) -> Subscription:
        subscription = Subscription(client, self._limit)
        self._subscriptions.append(subscription)
        if self._closed:
            subscription.close()
        self._tell()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        subscription.close()
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._tell()

    def publish(self, event: HostEvent) -> None:
        for subscription in self._subscriptions:
            subscription.put(event)

    def raise_windows(self, asked: RaiseRequest, instance: str) -> int:
        """Ask the attached windows to come to the front, and the latest to open what is to be opened; how many there
        were."""
        windows = [subscription for subscription in self._subscriptions if subscription.client == "window"]
        for window in windows:
            wanted = asked.open if window is windows[-1] else ""
            window.put(RaiseWindow(id=instance, activation_token=asked.activation_token, open=wanted))
        return len(windows)

    def attached(self, client: str | None = None) -> int:
        """How many clients (of one kind) hold their event stream open."""
        return sum(client in (None, subscription.client) for subscription in self._subscriptions)

    def close(self) -> None:
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()
