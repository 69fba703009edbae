"""The ledger over random histories of a machine: what it says must be true of that machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.accounts import kept_free
from paddock.backends.ledger import Ledger
from paddock.backends.planning import GuardRule
from paddock.sdk.memory import MACHINE_MEMORY, DeviceUse, Guard, MemoryDevice, Parts, Prediction

TOTAL = {MACHINE_MEMORY: 1000, "CUDA0": 400}
GUARDS: tuple[Guard, ...] = ("off", "relaxed", "balanced", "strict", "custom")


@dataclass
class Process:
    """A worker: what it will have taken in the end, and how much of that, in per cent, it has already."""

    model: str
    prediction: Prediction
    pid: int
    share: int = 0
    settled: bool = False

    def taken(self, name: str) -> int:
        use = next(use for use in self.prediction.devices if use.name == name)
        return (use.parts.total - use.mapped) * self.share // 100


@dataclass
class World:
    """A machine as it is. Mapped pages are free to the system."""

    rule: GuardRule
    others: dict[str, int]
    processes: dict[str, Process] = field(default_factory=dict)

    def devices(self) -> tuple[MemoryDevice, ...]:
        return tuple(
            MemoryDevice(name=name, kind="gpu" if name == "CUDA0" else "cpu", total=total, free=self.free(name))
            for name, total in TOTAL.items()
        )

    def free(self, name: str) -> int:
        taken = sum(process.taken(name) for process in self.processes.values())
        return max(TOTAL[name] - self.others[name] - taken, 0)

    def resident(self, pid: int) -> int:
        return next((p.taken(MACHINE_MEMORY) for p in self.processes.values() if p.pid == pid), 0)

    def in_the_end(self, name: str) -> int:
        """What other programs and all models take when every page has been touched."""
        pages: dict[str, int] = {}
        taken = self.others[name]
        for process in self.processes.values():
            use = next(use for use in process.prediction.devices if use.name == name)
            taken += use.parts.total - use.mapped
            pages[process.model] = max(pages.get(process.model, 0), use.mapped)
        return taken + sum(pages.values())


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    own, mapped, card = (draw(st.integers(0, 300)) for _ in range(3))
    return Prediction(
        source="simulated",
        confidence="exact",
        devices=(
            DeviceUse(name=MACHINE_MEMORY, parts=Parts(weights=mapped, kv=own), mapped=mapped),
            DeviceUse(name="CUDA0", kind="gpu", parts=Parts(weights=card)),
        ),
    )


worlds = st.builds(
    World,
    rule=st.builds(
        # Guards that keep gigabytes keep all of so small a machine; their shares are in test_ledger.py.
        lambda mode, limit: GuardRule(mode=mode, limit=limit),
        st.sampled_from([mode for mode in GUARDS if mode != "strict"]),
        st.integers(0, 1000),
    ),
    others=st.fixed_dictionaries({MACHINE_MEMORY: st.integers(0, 500), "CUDA0": st.integers(0, 200)}),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["load", "load", "touch", "settle", "release"]),
        predictions(),
        st.integers(0, 9),
        st.integers(0, 100),
        st.booleans(),
    ),
    max_size=20,
)


def step(world: World, ledger: Ledger, number: int, action: tuple[str, Prediction, int, int, bool]) -> None:
    kind, prediction, choice, share, started = action
    if kind == "load":
        model = f"m{choice % 3}"
        if ledger.judge(prediction, model=model).verdict != "fits":
            return
        world.processes[f"i{number}"] = Process(model, prediction, pid=number)
        ledger.book(f"i{number}", model, prediction)
        if started:
            ledger.started(f"i{number}", number)
    elif world.processes:
        instance = list(world.processes)[choice % len(world.processes)]
        process = world.processes[instance]
        match kind:
            case "touch":
                process.share = max(process.share, share)
                ledger.started(instance, process.pid)
            case "settle":
                process.share, process.settled = 100, True
                ledger.started(instance, process.pid)
                ledger.settle(instance, None)
            case _:
                del world.processes[instance]
                ledger.release(instance)


def history(world: World, actions: list[tuple[str, Prediction, int, int, bool]]) -> Ledger:
    ledger = Ledger(world.devices, lambda: world.rule, world.resident, mapped_is_free=True)
    for number, action in enumerate(actions, start=1):
        step(world, ledger, number, action)
    return ledger


@settings(max_examples=150, deadline=None)
@given(worlds, steps)
def test_what_was_found_to_fit_never_takes_more_than_there_is(world: World, actions: list) -> None:  # type: ignore[type-arg]
    ledger = history(world, actions)

    for name, total in TOTAL.items():
        if world.processes:
            assert world.in_the_end(name) <= total - kept_free(total, world.rule) or not any(
                use.parts.total for p in world.processes.values() for use in p.prediction.devices if use.name == name
            )
    if world.rule.mode == "custom" and world.processes:
        assert world.in_the_end(MACHINE_MEMORY) - world.others[MACHINE_MEMORY] <= world.rule.limit
    for state in ledger.state().devices:
        assert min(state.others, state.promised, state.free) >= 0
        assert state.free <= state.device.total


@settings(max_examples=100, deadline=None)
@given(worlds, steps, predictions(), st.integers(0, 100))
def test_an_instance_that_leaves_gives_back_exactly_what_it_held(
    world: World,
    actions: list,  # type: ignore[type-arg]
    prediction: Prediction,
    share: int,
) -> None:
    ledger = history(world, actions)
    before = ledger.state()
    world.processes["guest"] = guest = Process("guest", prediction, pid=99)
    ledger.book("guest", "guest", prediction)
    ledger.started("guest", 99)
    guest.share = share
    without = ledger.judge(prediction, replacing=("guest",))
    del world.processes["guest"]
    ledger.release("guest")

    assert ledger.state() == before
    assert ledger.judge(prediction) == without


@settings(max_examples=150, deadline=None)
@given(worlds, steps, predictions(), st.randoms(use_true_random=False))
def test_the_instances_that_leave_are_the_fewest_in_the_order_of_last_use(world, actions, prediction, random) -> None:  # type: ignore[no-untyped-def]
    ledger = history(world, actions)
    idle = list(world.processes)
    random.shuffle(idle)
    judged = ledger.judge(prediction, idle=idle, model="m0")

    def fits(gone: tuple[str, ...]) -> bool:
        return ledger.judge(prediction, replacing=gone, model="m0").verdict == "fits"

    if judged.verdict != "fits_if_unloaded":
        assert judged.unload == ()
        assert fits(()) if judged.verdict == "fits" else not fits(tuple(idle))
        return
    assert list(judged.unload) == sorted(judged.unload, key=idle.index)
    assert fits(judged.unload)
    for instance in judged.unload:
        assert not fits(tuple(other for other in judged.unload if other != instance)), "one leaves for nothing"
    last = idle.index(judged.unload[-1])
    assert not fits(tuple(idle[:last])), "a more recently used one leaves although those before it would do"
