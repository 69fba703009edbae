from __future__ import annotations

import time
from pathlib import Path

import pytest

from paddock.backends.outcome import (
    Blame,
    OomWatch,
    ProcessOutcome,
    count_oom_kills,
    from_returncode,
    kernel_killed,
    read_tail,
)
from paddock.sdk.errors import EngineDied, OutOfMemory

NOTHING = Blame()
COUNTED = Blame(counted=True)
FULL = Blame(nearly_full=True)


def outcome(
    code: int, *, blame: Blame = NOTHING, asked: bool = False, log: tuple[str, ...] = (), cause: str = ""
) -> ProcessOutcome:
    return from_returncode(code, asked=asked, blame=blame, log_tail=log, cause=cause)


def test_a_crash_names_signal_and_meaning() -> None:
    error = outcome(-11).error("llama.cpp")
    assert error.message == "The llama.cpp engine crashed with SIGSEGV: it touched memory that is not its own."
    assert error.details == {"signal": "SIGSEGV", "exit_code": None, "log_tail": []}
    assert type(error) is EngineDied


def test_a_kill_without_a_memory_count_is_just_a_kill() -> None:
    error = outcome(-9).error("Echo")
    assert type(error) is EngineDied
    assert error.message == "The Echo engine was killed from outside with SIGKILL."


def test_a_kill_that_the_kernel_counted_is_out_of_memory() -> None:
    error = outcome(-9, blame=Blame(counted=True, resident_bytes=3_000_000)).error("Echo")
    assert type(error) is OutOfMemory
    assert error.message == "The system killed the Echo engine because memory ran out (SIGKILL)."
    assert error.details["limit_bytes"] == 3_000_000


@pytest.mark.parametrize("code", [-9, -15])
def test_a_kill_from_outside_with_hardly_any_memory_left_says_just_that(code: int) -> None:
    error = outcome(code, blame=FULL).error("Echo")
    assert type(error) is OutOfMemory
    assert error.message.endswith("when hardly any memory was left.")


def test_a_termination_from_outside_is_not_explained_by_a_kill_elsewhere_nor_by_old_lines() -> None:
    assert not outcome(-15, blame=COUNTED, log=("cudaMalloc failed: out of memory",)).out_of_memory


def test_a_kill_that_we_asked_for_is_never_out_of_memory() -> None:
    assert not outcome(-9, blame=COUNTED, asked=True).out_of_memory
    assert not outcome(-9, blame=COUNTED, cause="it said nothing for 3 s.").out_of_memory


def test_another_signal_beside_a_memory_kill_elsewhere_is_a_crash() -> None:
    assert not outcome(-11, blame=COUNTED).out_of_memory


@pytest.mark.parametrize("code", [0xC0000017, 0xC000012D, 0xC000009A])
def test_windows_says_that_memory_ran_out_by_its_exit_code(code: int) -> None:
    assert type(outcome(code).error("llama.cpp")) is OutOfMemory


def test_what_was_needed_is_told_where_the_log_says_it() -> None:
    log = (
        "ggml_cuda: allocating 3000.00 MiB on device 0: cudaMalloc failed: out of memory",
        "alloc_tensor_range: failed to allocate CUDA0 buffer of size 3145728000",
        "terminate called after throwing an instance of 'std::runtime_error'",
        "  what():  failed to allocate buffer for kv cache",
    )
    error = outcome(-6, log=log, blame=Blame(resident_bytes=5)).error("llama.cpp")
    assert error.message == (
        "Memory ran out in the llama.cpp engine (SIGABRT) on CUDA0: 3.1 GB were needed for the KV cache."
    )
    known = {name: error.details[name] for name in ("phase", "needed_bytes", "device", "signal", "exit_code")}
    assert known == {
        "phase": "kv", "needed_bytes": 3145728000, "device": "CUDA0", "signal": "SIGABRT", "exit_code": None
    }  # fmt: skip
    assert "limit_bytes" not in error.details


def test_a_death_by_a_lost_device_is_marked() -> None:
    log = ("CUDA error: unspecified launch failure", "ggml-cuda.cu:109: CUDA error")
    error = outcome(-6, log=log).error("llama.cpp")
    assert type(error) is EngineDied
    assert error.details["lost_device"] is True
    assert error.message == "The llama.cpp engine lost the device that it computes on (SIGABRT)."


@pytest.mark.parametrize(
    "line",
    [
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 900 MiB on device 0: cudaMalloc failed: out of memory",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "llama_model_load: error loading model: unable to allocate CPU buffer",
        "vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
    ],
)
def test_the_engines_own_words_about_memory_are_believed(line: str) -> None:
    assert type(outcome(-6, log=("loading", line)).error("llama.cpp")) is OutOfMemory


def test_an_exit_code_and_the_last_telling_line_are_shown() -> None:
    log = ("loading", "assertion failed: n > 0")
    error = outcome(3, log=log).error("Echo")
    assert "exit code 3" in error.message
    assert error.hint.endswith("The last line of its log: assertion failed: n > 0")
    assert error.details["log_tail"] == list(log)


def test_our_own_reason_comes_first() -> None:
    assert outcome(-9, cause="it sent damaged data.").error("Echo").message.endswith("it sent damaged data.")


def test_the_tail_leaves_stack_dumps_out(tmp_path: Path) -> None:
    log = tmp_path / "w.log"
    dump = (
        "Fatal Python error: Aborted\n\nThread 0x7f (most recent call first):\n" + '  File "x.py", line 3 in f\n' * 40
    )
    log.write_text("assertion failed: n > 0\n" + dump + "Extension modules: msgspec._core (total: 1)\n")
    assert read_tail(log) == ("assertion failed: n > 0",)


def test_windows_exit_codes_have_names() -> None:
    assert outcome(0xC0000005).signal == "SIGSEGV"


def test_counters_are_read_from_control_groups_and_machine(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (groups / "app").mkdir(parents=True)
    (groups / "memory" / "old").mkdir(parents=True)
    (proc / "vmstat").write_text("nr_free 5\noom_kill 2\n")
    (proc / "self" / "cgroup").write_text("4:cpu,memory:/old\n0::/app\n")
    (groups / "app" / "memory.events").write_text("oom 9\noom_kill 3\n")
    (groups / "memory" / "old" / "memory.oom_control").write_text("under_oom 0\noom_kill 4\n")
    assert count_oom_kills(proc, groups) == 9
    assert count_oom_kills(tmp_path / "absent", groups) == 0


def test_a_count_is_remembered_for_a_while_and_the_most_memory_for_ever() -> None:
    now, kills, taken, full = [0.0], [0], [5], [False]
    watch = OomWatch(
        lambda: kills[0],
        nearly_full=lambda: full[0],
        resident=lambda pid: taken[0],
        told=lambda pid: None,
        clock=lambda: now[0],
    )
    kills[0], full[0] = 1, True
    watch.sample(7)
    full[0], taken[0] = False, 3
    assert watch.blame(7) == Blame(counted=True, nearly_full=True, resident_bytes=5)
    for now[0] in (10.0, 20.0, 30.0):
        watch.sample(7)
    assert watch.blame(7) == Blame(resident_bytes=5)


def test_the_kernels_own_word_is_taken_where_its_log_can_be_read(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    now = round(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)
    killed = "Killed process 42 (python) total-vm:99kB, anon-rss:64kB, file-rss:0kB"
    log.write_text(
        f"6,100,{now - 90_000_000},-;Out of memory: {killed.replace('42', '41')}\n"
        " SUBSYSTEM=memory\n"
        f"3,101,{now},-;Memory cgroup out of memory: {killed}\n"
    )
    assert kernel_killed(42, log) == 64 * 1024
    assert kernel_killed(41, log) is None
    assert kernel_killed(4, log) is None
    assert kernel_killed(42, tmp_path / "absent") is None


def test_the_tail_is_the_last_lines_of_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "w.log"
    log.write_bytes(b"x" * 100_000 + b"\n\n" + b"".join(b"line %d \xff\n" % i for i in range(50)))
    tail = read_tail(log)
    assert len(tail) == 20
    assert tail[-1].startswith("line 49")
    assert read_tail(tmp_path / "absent") == ()
