from __future__ import annotations

import os
import subprocess
import sys

import pytest

from paddock.backends.accounts import kept_free
from paddock.backends.ledger import Ledger, judge_machine
from paddock.backends.planning import GuardRule
from paddock.backends.process_memory import resident_bytes
from paddock.sdk.memory import MACHINE_MEMORY, DeviceUse, Machine, MemoryDevice, Parts, Prediction

GB = 2**30
OFF = GuardRule(mode="off")


def ram(size: int, *, mapped: int = 0, **parts: int) -> DeviceUse:
    return DeviceUse(name=MACHINE_MEMORY, parts=Parts(weights=size, **parts), mapped=mapped)


def gpu(size: int, name: str = "CUDA0") -> DeviceUse:
    return DeviceUse(name=name, kind="gpu", parts=Parts(weights=size))


def takes(*uses: DeviceUse) -> Prediction:
    return Prediction(source="simulated", confidence="exact", devices=uses)


class Computer:
    """A machine whose free memory the test sets, and the processes on it."""

    def __init__(self, *, rule: GuardRule = OFF, mapped_is_free: bool = True) -> None:
        self.free: dict[str, int | None] = {MACHINE_MEMORY: 16 * GB, "CUDA0": 8 * GB}
        self.total = {MACHINE_MEMORY: 32 * GB, "CUDA0": 8 * GB}
        self.sharing: set[str] = set()
        self.processes: dict[int, int] = {}
        self.rule = rule
        self.ledger = Ledger(
            self.devices, lambda: self.rule, lambda pid: self.processes.get(pid, 0), mapped_is_free=mapped_is_free
        )

    def devices(self) -> tuple[MemoryDevice, ...]:
        return tuple(
            MemoryDevice(
                name=name,
                kind="cpu" if name == MACHINE_MEMORY else "gpu",
                total=self.total[name],
                free=free,
                shares_ram=name in self.sharing,
            )
            for name, free in self.free.items()
        )

    def runs(self, instance: str, *uses: DeviceUse, model: str = "", pid: int = 0, settled: bool = True) -> None:
        """``instance`` is loaded; its process has touched what the test has put into ``processes``."""
        self.ledger.book(instance, model or instance, takes(*uses))
        if pid:
            self.ledger.started(instance, pid)
        if settled:
            self.ledger.settle(instance, None)

    def room(self, name: str = MACHINE_MEMORY) -> int:
        return next(state.free for state in self.ledger.state().devices if state.device.name == name)


@pytest.fixture
def computer() -> Computer:
    return Computer()


def test_a_load_fits_when_every_device_has_room(computer: Computer) -> None:
    judged = computer.ledger.judge(takes(ram(3 * GB), gpu(7 * GB)))

    assert judged.verdict == "fits"
    assert judged.free == {MACHINE_MEMORY: 16 * GB, "CUDA0": 8 * GB}
    assert judged.left == {MACHINE_MEMORY: 13 * GB, "CUDA0": 1 * GB}


def test_each_device_that_lacks_memory_is_named_with_what_it_lacks(computer: Computer) -> None:
    judged = computer.ledger.judge(takes(ram(3 * GB), gpu(9 * GB)))

    assert (judged.verdict, judged.missing) == ("does_not_fit", {"CUDA0": 1 * GB})


def test_memory_that_is_promised_and_not_touched_yet_is_counted_once(computer: Computer) -> None:
    computer.processes[1] = 1 * GB
    computer.free[MACHINE_MEMORY] = 15 * GB
    computer.runs("a", ram(6 * GB), pid=1, settled=False)
    assert computer.room() == 10 * GB

    computer.processes[1] = 6 * GB
    computer.free[MACHINE_MEMORY] = 10 * GB
    assert computer.room() == 10 * GB
    computer.ledger.settle("a", None)
    assert computer.room() == 10 * GB


def test_mapped_weights_count_although_the_system_calls_them_free(computer: Computer) -> None:
    computer.processes[1] = 1 * GB
    computer.free[MACHINE_MEMORY] = 15 * GB
    computer.runs("a", ram(6 * GB, mapped=5 * GB), pid=1)

    assert computer.room() == 10 * GB


def test_a_process_that_grows_beyond_its_estimate_does_not_eat_its_mapped_weights(computer: Computer) -> None:
    computer.processes[1] = 3 * GB
    computer.free[MACHINE_MEMORY] = 13 * GB
    computer.runs("a", ram(6 * GB, mapped=5 * GB), pid=1)

    assert computer.room() == 8 * GB


def test_where_mapped_pages_are_not_free_they_are_counted_once_too() -> None:
    computer = Computer(mapped_is_free=False)
    computer.processes[1] = 6 * GB
    computer.free[MACHINE_MEMORY] = 10 * GB
    computer.runs("a", ram(6 * GB, mapped=5 * GB), pid=1)

    assert computer.room() == 10 * GB
    assert computer.ledger.judge(takes(ram(16 * GB)), replacing=("a",)).verdict == "fits"


def test_where_mapped_pages_are_not_free_memory_that_is_not_touched_yet_counts_too() -> None:
    computer = Computer(mapped_is_free=False)
    computer.processes[1] = 5 * GB
    computer.free[MACHINE_MEMORY] = 11 * GB
    computer.runs("a", ram(6 * GB, mapped=5 * GB), pid=1)

    assert computer.room() == 10 * GB


@pytest.mark.parametrize("mapped_is_free", [True, False])
def test_two_instances_of_one_model_share_its_mapped_pages(mapped_is_free: bool) -> None:
    computer = Computer(mapped_is_free=mapped_is_free)
    twin = ram(12 * GB, mapped=10 * GB)
    computer.runs("a", twin, model="m", pid=1)
    computer.processes[1] = 2 * GB if mapped_is_free else 12 * GB
    computer.free[MACHINE_MEMORY] = 14 * GB if mapped_is_free else 4 * GB

    assert computer.ledger.judge(takes(twin), model="m").verdict == "fits"
    assert computer.ledger.judge(takes(twin), model="other").verdict == "does_not_fit"
    assert computer.ledger.judge(takes(twin), model="m").left[MACHINE_MEMORY] == 2 * GB

    computer.runs("b", twin, model="m", settled=False)
    assert computer.room() == 2 * GB
    computer.ledger.release("a")
    computer.processes.clear()
    computer.free[MACHINE_MEMORY] = 16 * GB
    assert computer.room() == 4 * GB, "the one that stays needs the pages"


def test_the_meter_shows_shared_pages_with_the_first_instance_only(computer: Computer) -> None:
    computer.runs("a", ram(12 * GB, mapped=10 * GB), model="m")
    computer.runs("b", ram(12 * GB, mapped=10 * GB), model="m")

    models = computer.ledger.state().devices[0].models
    assert [share.predicted.weights for share in models] == [12 * GB, 2 * GB]


def test_a_model_that_is_replaced_counts_as_free(computer: Computer) -> None:
    computer.processes[1] = 4 * GB
    computer.free |= {MACHINE_MEMORY: 2 * GB, "CUDA0": 1 * GB}
    computer.runs("a", ram(6 * GB), gpu(7 * GB), pid=1)
    bigger = takes(ram(6 * GB), gpu(8 * GB))

    assert computer.ledger.judge(bigger).verdict == "does_not_fit"
    assert computer.ledger.judge(bigger, replacing=("a",)).verdict == "fits"


def test_idle_models_leave_least_recently_used_first_and_only_as_many_as_needed(computer: Computer) -> None:
    computer.free[MACHINE_MEMORY] = 1 * GB
    for pid, (name, size) in enumerate({"old": 1, "big": 6, "new": 1}.items(), start=1):
        computer.processes[pid] = size * GB
        computer.runs(name, ram(size * GB), pid=pid)
    idle = ("old", "big", "new")

    assert computer.ledger.judge(takes(ram(2 * GB)), idle=idle).unload == ("old",)
    assert computer.ledger.judge(takes(ram(7 * GB)), idle=idle).unload == ("big",), "without it, the old one stays"
    assert computer.ledger.judge(takes(ram(8 * GB)), idle=idle).unload == ("old", "big")
    too_much = computer.ledger.judge(takes(ram(10 * GB)), idle=idle)
    assert (too_much.verdict, too_much.unload, too_much.missing) == ("does_not_fit", (), {MACHINE_MEMORY: 1 * GB})


def test_of_two_that_would_do_the_less_recently_used_one_leaves(computer: Computer) -> None:
    computer.free[MACHINE_MEMORY] = 0
    for pid, (name, size) in enumerate({"old": 2, "newer": 2, "newest": 4}.items(), start=1):
        computer.processes[pid] = size * GB
        computer.runs(name, ram(size * GB), pid=pid)

    judged = computer.ledger.judge(takes(ram(6 * GB)), idle=("old", "newer", "newest"))
    assert judged.unload == ("old", "newest")


def test_models_on_another_device_do_not_leave(computer: Computer) -> None:
    computer.free |= {MACHINE_MEMORY: 10 * GB, "CUDA0": 0}
    computer.processes[1] = 6 * GB
    computer.runs("in ram", ram(6 * GB), pid=1)
    computer.runs("on the card", gpu(8 * GB))

    judged = computer.ledger.judge(takes(gpu(4 * GB)), idle=("in ram", "on the card"))
    assert judged.unload == ("on the card",)


def test_a_gpu_that_a_load_is_filling_is_not_counted_twice(computer: Computer) -> None:
    computer.free["CUDA0"] = 7 * GB
    computer.runs("a", gpu(4 * GB), settled=False)
    assert computer.room("CUDA0") == 3 * GB

    computer.free["CUDA0"] = 4 * GB
    state = computer.ledger.state().devices[1]
    assert (state.others, state.promised, state.free) == (1 * GB, 1 * GB, 3 * GB)
    computer.free["CUDA0"] = 3 * GB
    computer.ledger.settle("a", None)
    assert computer.room("CUDA0") == 3 * GB


def test_a_gpu_without_memory_of_its_own_takes_the_machines() -> None:
    computer = Computer()
    computer.free = {MACHINE_MEMORY: 16 * GB, "Metal": None}
    computer.total = {MACHINE_MEMORY: 32 * GB, "Metal": 12 * GB}
    computer.sharing = {"Metal"}

    judged = computer.ledger.judge(takes(ram(2 * GB), gpu(10 * GB, "Metal")))
    assert (judged.verdict, judged.left) == ("fits", {MACHINE_MEMORY: 4 * GB})
    assert judged.free == {MACHINE_MEMORY: 16 * GB, "Metal": 12 * GB}
    assert computer.ledger.judge(takes(ram(8 * GB), gpu(10 * GB, "Metal"))).missing == {MACHINE_MEMORY: 2 * GB}
    assert computer.ledger.judge(takes(gpu(13 * GB, "Metal"))).missing == {"Metal": 1 * GB}

    computer.runs("a", ram(2 * GB), gpu(10 * GB, "Metal"), pid=1, settled=False)
    assert computer.room() == 4 * GB
    machine = computer.ledger.state().devices[0]
    assert [share.predicted.total for share in machine.models] == [12 * GB]
    computer.processes[1] = 2 * GB
    computer.free[MACHINE_MEMORY] = 4 * GB
    computer.ledger.settle("a", None)
    assert (computer.room(), computer.room("Metal")) == (4 * GB, 2 * GB)


def test_a_device_that_has_gone_stays_readable_and_cannot_be_told(computer: Computer) -> None:
    computer.runs("a", gpu(4 * GB))
    del computer.free["CUDA0"]

    judged = computer.ledger.judge(takes(ram(GB), gpu(GB)))
    assert (judged.verdict, judged.note) == ("cannot_tell", "CUDA0 is not there.")
    gone = computer.ledger.state().devices[-1]
    assert (gone.device.name, gone.device.free, [share.model for share in gone.models]) == ("CUDA0", None, ["a"])
    assert computer.ledger.judge(takes(ram(17 * GB), gpu(GB))).verdict == "does_not_fit"
    assert computer.ledger.judge(takes(ram(GB), gpu(0))).verdict == "fits", "nothing is wanted of it"


def test_a_device_whose_free_memory_is_unknown_cannot_be_told_unless_it_is_too_small(computer: Computer) -> None:
    computer.free["CUDA0"] = None

    judged = computer.ledger.judge(takes(gpu(7 * GB)))
    assert (judged.verdict, judged.note) == ("cannot_tell", "How much of CUDA0 is free cannot be told.")
    assert computer.ledger.judge(takes(gpu(9 * GB))).missing == {"CUDA0": 1 * GB}
    computer.runs("a", gpu(4 * GB))
    assert computer.ledger.judge(takes(gpu(7 * GB)), idle=("a",)).unload == ("a",)


def test_what_was_measured_takes_the_place_of_what_was_predicted(computer: Computer) -> None:
    computer.runs("a", ram(4 * GB), pid=1, settled=False)
    computer.processes[1] = 5 * GB
    computer.free[MACHINE_MEMORY] = 11 * GB
    computer.ledger.settle("a", takes(ram(6 * GB)))

    assert computer.room() == 10 * GB
    share = computer.ledger.state().devices[0].models[0]
    assert (share.predicted.total, share.measured, share.loading) == (4 * GB, 6 * GB, False)


def test_what_a_process_takes_after_its_load_is_told_apart(computer: Computer) -> None:
    computer.processes[7] = 3 * GB
    computer.runs("a", ram(2 * GB), pid=7)
    share = computer.ledger.state().devices[0].models[0]
    assert (share.predicted.total, share.grown) == (2 * GB, GB)


def test_a_load_that_nobody_can_predict_holds_nothing_until_it_is_measured(computer: Computer) -> None:
    computer.ledger.book("a", "m", None)
    assert computer.room() == 16 * GB
    computer.ledger.settle("a", takes(ram(6 * GB)))
    assert computer.room() == 10 * GB


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (GuardRule(mode="off"), 0),
        (GuardRule(mode="relaxed"), 16 * GB // 100),
        (GuardRule(mode="balanced"), 16 * GB * 5 // 100),
        (GuardRule(mode="strict"), 16 * GB * 15 // 100),
    ],
)
def test_a_guard_keeps_a_share_of_each_device(rule: GuardRule, kept: int) -> None:
    machine = Machine(name="", devices=(MemoryDevice(name=MACHINE_MEMORY, total=16 * GB, free=8 * GB),))

    assert judge_machine(takes(ram(8 * GB - kept)), machine, rule).verdict == "fits"
    refused = judge_machine(takes(ram(8 * GB - kept + 1)), machine, rule)
    assert (refused.verdict, refused.missing) == ("does_not_fit", {MACHINE_MEMORY: 1})


def test_a_guard_keeps_a_least_amount_where_a_share_would_be_little() -> None:
    assert kept_free(6 * GB, GuardRule(mode="balanced")) == GB // 2
    assert kept_free(4 * GB, GuardRule(mode="balanced")) == 4 * GB * 5 // 100
    assert kept_free(4 * GB, GuardRule(mode="strict")) == GB


def test_a_limit_bounds_all_models_together(computer: Computer) -> None:
    computer.rule = GuardRule(mode="custom", limit=4 * GB)
    computer.runs("a", ram(2 * GB))
    computer.runs("b", ram(GB))

    assert computer.ledger.judge(takes(ram(GB))).verdict == "fits"
    assert computer.ledger.judge(takes(ram(2 * GB)), idle=("a", "b")).unload == ("a",)
    assert computer.ledger.judge(takes(ram(4 * GB)), idle=("a", "b")).unload == ("a", "b")
    assert computer.ledger.judge(takes(ram(5 * GB)), idle=("a", "b")).missing == {MACHINE_MEMORY: GB}
    assert computer.room() == GB


def test_a_guard_that_is_off_tells_what_would_not_fit_and_does_not_enforce_it(computer: Computer) -> None:
    assert computer.ledger.judge(takes(ram(17 * GB))).verdict == "does_not_fit"
    assert not computer.ledger.enforcing
    computer.rule = GuardRule(mode="relaxed")
    assert computer.ledger.enforcing


def test_released_instances_may_be_spoken_of_again(computer: Computer) -> None:
    computer.runs("a", ram(GB))
    computer.ledger.release("a")
    computer.ledger.release("a")
    computer.ledger.started("a", 1)
    computer.ledger.settle("a", None)

    assert computer.ledger.state().devices[0].models == ()


def test_the_memory_of_a_process_is_seen_to_grow() -> None:
    code = "import sys; block = bytearray(64 * 2**20); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 64 * 2**20 <= resident_bytes(process.pid) < 128 * 2**20
        process.communicate()
    assert resident_bytes(process.pid) == 0
    assert resident_bytes(os.getpid()) > 2**20
