from __future__ import annotations

from pathlib import Path

import pytest

from paddock.backends.outcome import OomWatch, count_oom_kills, from_returncode, read_tail
from paddock.sdk.errors import EngineDied, OutOfMemory


def outcome(code: int, *, killed: bool = False, asked: bool = False, log: tuple[str, ...] = (), cause: str = ""):  # type: ignore[no-untyped-def]
    return from_returncode(code, asked=asked, killed_for_memory=killed, log_tail=log, cause=cause)


def test_a_crash_names_signal_and_meaning() -> None:
    error = outcome(-11).error("llama.cpp")
    assert error.message == "The llama.cpp engine crashed with SIGSEGV: it touched memory that is not its own."
    assert error.details == {"signal": "SIGSEGV", "exit_code": None, "log_tail": []}
    assert type(error) is EngineDied


def test_a_kill_without_a_memory_count_is_just_a_kill() -> None:
    error = outcome(-9).error("Echo")
    assert type(error) is EngineDied
    assert error.message == "The Echo engine was killed from outside with SIGKILL."


def test_a_kill_with_a_risen_memory_count_is_out_of_memory() -> None:
    error = outcome(-9, killed=True).error("Echo")
    assert type(error) is OutOfMemory
    assert "because memory ran out" in error.message
    assert "SIGKILL" in error.message


def test_a_kill_that_we_asked_for_is_never_out_of_memory() -> None:
    assert not outcome(-9, killed=True, asked=True).out_of_memory


def test_another_signal_beside_a_memory_kill_elsewhere_is_a_crash() -> None:
    assert not outcome(-11, killed=True).out_of_memory


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


def test_a_rise_is_seen_across_one_sample_and_forgotten_after_two() -> None:
    counts = iter([0, 1, 1, 1, 1])
    watch = OomWatch(lambda: next(counts))
    watch.sample()
    assert watch.rose()
    watch.sample()
    assert not watch.rose()


def test_the_tail_is_the_last_lines_of_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "w.log"
    log.write_bytes(b"x" * 100_000 + b"\n\n" + b"".join(b"line %d \xff\n" % i for i in range(50)))
    tail = read_tail(log)
    assert len(tail) == 20
    assert tail[-1].startswith("line 49")
    assert read_tail(tmp_path / "absent") == ()
