"""One look at the memory of a machine: free, taken, held and promised bytes of each device. Pure arithmetic."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

import msgspec

from paddock.backends.planning import GuardRule
from paddock.sdk.memory import (
    MACHINE_MEMORY,
    DeviceState,
    DeviceUse,
    MemoryDevice,
    ModelShare,
    Parts,
    Prediction,
)

_SHARES = {"off": 0, "relaxed": 1, "balanced": 5, "strict": 15, "custom": 0}
"""Per cent of a device that a guard keeps free."""
_SMALL = 4 * 2**30
"""Up to this size a device is too small for balanced to keep half a gigabyte of it."""


def kept_free(total: int, rule: GuardRule) -> int:
    """Bytes of a device of ``total`` bytes that models leave alone under ``rule``."""
    share = total * _SHARES[rule.mode] // 100
    match rule.mode:
        case "balanced" if total > _SMALL:
            return max(share, 512 * 2**20)
        case "strict":
            return max(share, 2**30)
        case _:
            return share


@dataclass
class Booking:
    """What the ledger knows of one instance. ``settled``: its load is through."""

    model: str
    prediction: Prediction
    measured: Prediction | None = None
    settled: bool = False
    pid: int | None = None

    @property
    def expected(self) -> Prediction:
        return self.measured or self.prediction


@dataclass(frozen=True)
class Claim:
    """What a model wants: bytes ``on`` each device by its name, and of the machine's memory ``own`` bytes of the
    process, ``lent`` bytes to devices without memory of their own, ``mapped`` bytes of the file.
    ``resident`` bytes of the process are there already."""

    model: str
    on: Mapping[str, int]
    own: int
    lent: int
    mapped: int
    settled: bool = False
    resident: int = 0


class Accounts:
    """The devices of a machine, and what our instances claim of them. ``kept`` are the instances that stay.

    ``resident`` is what the process of an instance has taken, ``others`` what other programs had of a device before
    the loads under way began: what has gone since then, those loads have taken.
    """

    def __init__(
        self,
        devices: Iterable[MemoryDevice],
        rule: GuardRule,
        bookings: Mapping[str, Booking],
        resident: Mapping[str, int],
        others: Mapping[str, int],
        *,
        mapped_is_free: bool,
    ) -> None:
        self._table = {device.name: device for device in devices}
        self._rule = rule
        self._bookings = bookings
        self._others = others
        self._mapped_is_free = mapped_is_free
        self._found: dict[tuple[str, frozenset[str]], int] = {}
        self._claims = {key: self._booked(booking, resident.get(key, 0)) for key, booking in bookings.items()}

    def claim(self, prediction: Prediction, model: str = "") -> Claim:
        """What ``prediction`` wants of this machine."""
        on: dict[str, int] = {}
        own = lent = mapped = 0
        for use in prediction.devices:
            size = use.parts.total
            pages = min(use.mapped, size)
            places = self._places(use)
            on[places[0]] = on.get(places[0], 0) + size
            if MACHINE_MEMORY in places:
                mapped += pages
                own, lent = (own + size - pages, lent) if len(places) == 1 else (own, lent + size - pages)
        return Claim(model, on, own, lent, mapped)

    def missing(self, claim: Claim, kept: Set[str]) -> dict[str, int]:
        """Bytes that devices lack for ``claim``, by name. A device that cannot tell lacks what it has not in all."""
        needs = {name: self._need(claim, name, kept) for name in self._asked(claim)}
        lacking = {name: need - self._room(name, kept) for name, need in needs.items() if need}
        return {name: size for name, size in lacking.items() if size > 0}

    def free(self, claim: Claim, kept: Set[str]) -> dict[str, int]:
        """What the devices of ``claim`` may give, by name; those that cannot tell are left out."""
        return {name: self._told(name, kept) for name in self._asked(claim) if self._known(name)}

    def left(self, claim: Claim, kept: Set[str]) -> dict[str, int]:
        """What would be free afterwards, what the guard keeps included."""
        names = [name for name in self._asked(claim) if self._known(name) and not self._table[name].shares_ram]
        return {name: max(self._available(name, kept) - self._need(claim, name, kept), 0) for name in names}

    def held_by(self, instance: str, name: str) -> int:
        """Bytes of the device ``name`` that only ``instance`` has or may come to take."""
        everyone = self._claims.keys()
        return self._held(name, everyone) - self._held(name, everyone - {instance})

    def doubt(self, claim: Claim) -> str:
        """Why it cannot be told whether ``claim`` fits, as a sentence; empty when it can."""
        for name in (name for name, size in claim.on.items() if size):
            if name not in self._table:
                return f"{name} is not there."
            if not self._known(name):
                return f"How much of {name} is free cannot be told."
        return ""

    def others(self) -> dict[str, int]:
        """What other programs have of each device that can tell."""
        return {
            device.name: max(device.total - device.free - self._taken(device.name), 0)
            for device in self._table.values()
            if device.free is not None and not device.shares_ram
        }

    def states(self) -> tuple[DeviceState, ...]:
        """Every device, and those that have gone as long as something is booked on them."""
        uses = (use for booking in self._bookings.values() for use in booking.expected.devices)
        gone = {
            name: MemoryDevice(name=name, kind=use.kind, description="Not there any more")
            for use in uses
            for name in self._places(use)
            if name not in self._table
        }
        return tuple(self._state(device) for device in (*self._table.values(), *gone.values()))

    # ------------------------------------------------------------ arithmetic

    def _available(self, name: str, kept: Set[str]) -> int:
        key = (name, frozenset(kept))
        if key not in self._found:
            self._found[key] = self._available_of(name, kept)
        return self._found[key]

    def _available_of(self, name: str, kept: Set[str]) -> int:
        device = self._table[name]
        taken = self._taken(name)
        free = max(device.total - taken, 0) if device.free is None else device.free
        given = free + taken - self._held(name, kept)
        return min(given, device.total) if device.total else given

    def _room(self, name: str, kept: Set[str]) -> int:
        """What a further load may take; a device that shares the machine's memory has a bound, no memory."""
        device = self._table[name]
        if not device.total and (device.shares_ram or device.free is None):
            return sys.maxsize
        if device.shares_ram:
            return device.total - self._held(name, kept)
        room = self._available(name, kept) - kept_free(device.total, self._rule)
        if name == MACHINE_MEMORY and self._rule.mode == "custom":
            room = min(room, self._rule.limit - self._held(name, kept))
        return room

    def _told(self, name: str, kept: Set[str]) -> int:
        device = self._table.get(name)
        if device is None or (device.free is None and not device.total):
            return 0
        room = max(self._room(name, kept), 0)
        return min(room, self._told(MACHINE_MEMORY, kept)) if device.shares_ram else room

    def _need(self, claim: Claim, name: str, kept: Set[str]) -> int:
        if name != MACHINE_MEMORY:
            return claim.on.get(name, 0)
        there = _pages(c for key, c in self._claims.items() if key in kept).get(claim.model, 0) if claim.model else 0
        return claim.own + claim.lent + max(claim.mapped - there, 0)

    def _held(self, name: str, kept: Set[str]) -> int:
        claims = [claim for key, claim in self._claims.items() if key in kept]
        if name != MACHINE_MEMORY:
            return sum(claim.on.get(name, 0) for claim in claims)
        return sum(max(c.own, c.resident) + c.lent for c in claims) + sum(_pages(claims).values())

    def _taken(self, name: str) -> int:
        """Bytes that are no longer among the free ones; of a load under way those that its process has."""
        settled = [claim for claim in self._claims.values() if claim.settled]
        if name != MACHINE_MEMORY:
            return sum(claim.on.get(name, 0) for claim in settled) + self._arrived(name)
        pages = 0 if self._mapped_is_free else sum(_pages(settled).values())
        return sum(c.resident for c in self._claims.values()) + sum(c.lent for c in settled) + pages

    def _arrived(self, name: str) -> int:
        """What the loads under way have of a GPU, by how much less of it is free since they began."""
        device = self._table.get(name)
        if device is None or device.free is None or name not in self._others:
            return 0
        settled, loading = (
            sum(claim.on.get(name, 0) for claim in self._claims.values() if claim.settled == state)
            for state in (True, False)
        )
        return min(max(device.total - device.free - settled - self._others[name], 0), loading)

    # ------------------------------------------------------------ devices

    def _places(self, use: DeviceUse) -> tuple[str, ...]:
        """The names of all devices that ``use`` counts on, its own first."""
        device = self._table.get(use.name)
        if use.kind == "cpu" or (device is not None and device.kind == "cpu"):
            return (MACHINE_MEMORY,)
        return (use.name, MACHINE_MEMORY) if device is not None and device.shares_ram else (use.name,)

    def _asked(self, claim: Claim) -> list[str]:
        return [name for name in self._table if name == MACHINE_MEMORY or claim.on.get(name)]

    def _known(self, name: str) -> bool:
        return self._table[name].shares_ram or self._table[name].free is not None

    def _booked(self, booking: Booking, resident: int) -> Claim:
        claim = self.claim(booking.expected, booking.model)
        if not self._mapped_is_free:
            resident = max(resident - claim.mapped, 0)
        return dataclasses.replace(claim, settled=booking.settled, resident=resident)

    def _state(self, device: MemoryDevice) -> DeviceState:
        name, everyone = device.name, self._claims.keys()
        settled = {key for key, claim in self._claims.items() if claim.settled}
        there = sum(claim.resident for claim in self._claims.values() if not claim.settled)
        if name != MACHINE_MEMORY:
            there = self._arrived(name)
        return DeviceState(
            device=device,
            models=tuple(self._shares_of(name)),
            others=self.others().get(name, 0),
            promised=self._held(name, everyone) - self._held(name, settled) - there,
            free=self._told(name, everyone),
        )

    def _shares_of(self, name: str) -> Iterator[ModelShare]:
        mapped: dict[str, int] = {}
        for key, booking in self._bookings.items():
            twice = min(self._claims[key].mapped, mapped.get(booking.model, 0)) if name == MACHINE_MEMORY else 0
            mapped[booking.model] = max(self._claims[key].mapped, mapped.get(booking.model, 0))
            predicted, measured = self._parts(booking.prediction, name), self._parts(booking.measured, name)
            claim = self._claims[key]
            grown = max(claim.resident - claim.own, 0) if name == MACHINE_MEMORY and claim.settled else 0
            if predicted.total or measured.total or grown:
                yield ModelShare(
                    instance=key,
                    model=booking.model,
                    loading=not booking.settled,
                    predicted=msgspec.structs.replace(predicted, weights=max(predicted.weights - twice, 0)),
                    measured=None if booking.measured is None else max(measured.total - twice, 0),
                    grown=grown,
                )

    def _parts(self, prediction: Prediction | None, name: str) -> Parts:
        parts = Parts()
        for use in prediction.devices if prediction else ():
            if name in self._places(use):
                parts = parts.plus(use.parts)
        return parts


def _pages(claims: Iterable[Claim]) -> dict[str, int]:
    """Mapped bytes by model: instances of one model map the same file."""
    pages: dict[str, int] = {}
    for claim in claims:
        pages[claim.model] = max(claim.mapped, pages.get(claim.model, 0))
    return pages
