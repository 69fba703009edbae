"""The memory ledger: what our models take of each device, what they were promised, and whether a further one fits.

For each device ``available = free now + taken - held``: ``taken`` is the part of the free memory that our instances
have taken already, ``held`` what they may come to take. What a process has been promised and not touched yet, mapped
weights (which Linux counts as free), and loads under way are so counted once each; and an instance that leaves gives
back exactly what it held.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

from paddock.backends.accounts import Accounts, Booking
from paddock.backends.planning import GuardRule, Judgement
from paddock.backends.process_memory import MAPPED_IS_FREE, resident_bytes
from paddock.sdk.memory import MACHINE_MEMORY, Machine, MemoryDevice, MemoryState, Prediction


class Ledger:
    """Bookkeeping for one machine. On the host's loop only; the callables answer at once.

    ``devices`` gives the devices as they are at the moment of the call: a figure from before a load or an unload makes
    the next verdict wrong. ``resident`` gives what :func:`resident_bytes` does; ``mapped_is_free`` says whether the
    system counts mapped pages as free.
    """

    def __init__(
        self,
        devices: Callable[[], tuple[MemoryDevice, ...]],
        guard: Callable[[], GuardRule],
        resident: Callable[[int], int] = resident_bytes,
        *,
        mapped_is_free: bool = MAPPED_IS_FREE,
    ) -> None:
        self._devices = devices
        self._guard = guard
        self._resident = resident
        self._mapped_is_free = mapped_is_free
        self._bookings: dict[str, Booking] = {}
        self._others: dict[str, int] = {}
        self._moment: Accounts | None = None
        """Of a frozen ledger."""

    @property
    def enforcing(self) -> bool:
        """Whether the guard refuses loads; when it is off its verdicts are only told."""
        return self._guard().mode != "off"

    def book(self, instance: str, model: str, prediction: Prediction | None) -> None:
        """Promise ``instance`` of ``model`` what it is predicted to take; nothing where nobody can tell."""
        if all(booking.settled for booking in self._bookings.values()):
            self._others = self._accounts().others()
        nothing = Prediction(source="analytic", confidence="low", devices=())
        self._bookings[instance] = Booking(model, prediction or nothing)

    def started(self, instance: str, pid: int) -> None:
        """The process of the load runs. An instance that was released meanwhile is ignored, here and below."""
        if instance in self._bookings:
            self._bookings[instance].pid = pid

    def settle(self, instance: str, measured: Prediction | None) -> None:
        """The load is through; ``measured`` takes the place of the prediction where the engine could measure."""
        if instance in self._bookings:
            self._bookings[instance].measured = measured
            self._bookings[instance].settled = True

    def release(self, instance: str) -> None:
        """The instance is gone, its process too. Any number of times."""
        self._bookings.pop(instance, None)

    def judge(
        self, prediction: Prediction, *, idle: Sequence[str] = (), replacing: Sequence[str] = (), model: str = ""
    ) -> Judgement:
        """Whether ``prediction`` fits now. ``idle`` instances may be unloaded, least recently used first; those that
        have to are named, as few as will do. ``replacing`` are gone by then. ``model`` is the model's id, by which
        pages of a file that another instance maps already are counted once."""
        accounts = self._accounts()
        claim = accounts.claim(prediction, model)
        kept = self._bookings.keys() - set(replacing)
        leaving: list[str] = []
        staying = kept
        missing = accounts.missing(claim, kept)
        if missing:
            candidates = [instance for instance in idle if instance in kept]
            leaving = _fewest(candidates, lambda gone: not accounts.missing(claim, kept.difference(gone)))
            staying = kept.difference(leaving or candidates)
            missing = accounts.missing(claim, staying)
        doubt = accounts.doubt(claim)
        return Judgement(
            verdict=_verdict(missing, leaving, doubt),
            unload=tuple(leaving),
            missing=missing,
            free=accounts.free(claim, kept),
            left=accounts.left(claim, staying),
            note=doubt,
        )

    def frozen(self) -> Ledger:
        """This ledger at this moment: its verdicts look at the machine no more, which makes them quick."""
        devices, rule = self._devices(), self._guard()
        bookings = {key: dataclasses.replace(booking) for key, booking in self._bookings.items()}
        resident = {
            booking.pid: self._resident(booking.pid) for booking in bookings.values() if booking.pid is not None
        }
        copy = Ledger(lambda: devices, lambda: rule, resident.__getitem__, mapped_is_free=self._mapped_is_free)
        copy._bookings, copy._others = bookings, dict(self._others)
        copy._moment = copy._accounts()
        return copy

    def devices(self) -> tuple[MemoryDevice, ...]:
        """What the verdicts are about."""
        return self._devices()

    def held(self, instance: str, device: str = MACHINE_MEMORY) -> int:
        """Bytes of ``device`` that would be free without ``instance``."""
        return self._accounts().held_by(instance, device)

    def state(self) -> MemoryState:
        """Every device as it is now; devices that have gone stay as long as something is booked on them."""
        return MemoryState(devices=self._accounts().states(), guard=self._guard().mode)

    def _accounts(self) -> Accounts:
        if self._moment is not None:
            return self._moment
        resident = {key: self._resident(b.pid) for key, b in self._bookings.items() if b.pid is not None}
        return Accounts(
            self._devices(), self._guard(), self._bookings, resident, self._others, mapped_is_free=self._mapped_is_free
        )


def judge_machine(prediction: Prediction, machine: Machine, rule: GuardRule) -> Judgement:
    """Whether ``prediction`` fits a machine that nothing of ours runs on, for instance a planned one."""
    return empty(machine, rule).judge(prediction)


def empty(machine: Machine, rule: GuardRule) -> Ledger:
    """The ledger of a machine that nothing of ours runs on; frozen."""
    return Ledger(lambda: machine.devices, lambda: rule).frozen()


def _verdict(
    missing: dict[str, int], leaving: list[str], doubt: str
) -> Literal["fits", "fits_if_unloaded", "does_not_fit", "cannot_tell"]:
    if missing:
        return "does_not_fit"
    if leaving:
        return "fits_if_unloaded"
    return "cannot_tell" if doubt else "fits"


def _fewest(idle: Sequence[str], fits: Callable[[Sequence[str]], bool]) -> list[str]:
    """The instances to unload: least recently used first, and of those only the needed ones, sparing the most recently
    used. Empty when all of them are not enough."""
    leaving: list[str] = []
    for instance in idle:
        leaving.append(instance)
        if fits(leaving):
            break
    else:
        return []
    for instance in reversed(leaving[:-1]):
        fewer = [other for other in leaving if other != instance]
        if fits(fewer):
            leaving = fewer
    return leaving
