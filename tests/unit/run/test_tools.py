from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tools.accelerator import (
    UnknownAccelerator,
    build_environment,
    choose,
    cuda_release,
    cuda_wheels,
    has_vulkan_gpu,
    missing_tool,
)
from tools.check import run_pytest
from tools.install_llamacpp import fetch_page, find_wheel, pinned_version
from tools.links import anchors, problems
from tools.namespace import ROOMS, link_rooms
from tools.steps import StepFailed, Steps, detail_of, duration
from tools.system_packages import LIBRARIES, MANAGERS, PROGRAMS, advice, install_command, is_debian

# ---------------------------------------------------------------- accelerator


def test_a_driver_runs_wheels_of_its_release_and_older_ones_of_its_major() -> None:
    assert cuda_release("| NVIDIA-SMI 550.54   Driver Version: 550.54   CUDA Version: 12.4  |") == (12, 4)
    assert cuda_wheels((12, 4)) == ("cu124", "cu123", "cu122", "cu121")
    assert cuda_wheels((13, 1)) == ("cu130",)
    assert cuda_release("no devices were found") is None
    assert cuda_wheels(None) == ()


def test_a_software_renderer_is_no_vulkan_gpu() -> None:
    assert not has_vulkan_gpu("deviceType         = PHYSICAL_DEVICE_TYPE_CPU\ndeviceName = llvmpipe")
    assert has_vulkan_gpu("deviceType         = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU")


def test_the_accelerator_can_be_named() -> None:
    assert choose("cpu").wheels == ("cpu",)
    assert choose("vulkan").kind == "vulkan"
    with pytest.raises(UnknownAccelerator):
        choose("tpu")


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    assert "No C++ compiler" in (missing_tool("cpu", {"PATH": str(tmp_path)}) or "")
    assert missing_tool("cpu", {"PATH": str(tmp_path), "CC": "mycc", "CXX": "myc++"}) is None


def test_a_build_gets_the_flags_of_its_accelerator_and_keeps_the_persons_own(tmp_path: Path) -> None:
    flags = build_environment("cuda", tmp_path, {"CMAKE_ARGS": "-DMINE=1"})["CMAKE_ARGS"]

    assert flags.startswith("-DMINE=1 -DGGML_CUDA=on -DCMAKE_PROJECT_llama.cpp_INCLUDE=")
    assert "GGML" not in build_environment("cpu", tmp_path, {})["CMAKE_ARGS"]


def test_a_checkout_may_lie_in_a_folder_with_spaces() -> None:
    flags = build_environment("cpu", Path("/home/ada/my paddock"), {})["CMAKE_ARGS"]

    include = "-DCMAKE_PROJECT_llama.cpp_INCLUDE=/home/ada/my paddock/tools/llama_cpp.cmake"
    assert shlex.split(flags) == [include]


# ---------------------------------------------------------------- the wheel index


def test_the_best_folder_that_holds_the_version_is_taken() -> None:
    pages = {"cu124": "llama_cpp_python-0.3.1-cp311", "cu123": "llama_cpp_python-0.3.36-py3-none-linux_x86_64.whl"}

    assert find_wheel(("cu124", "cu123"), "0.3.36", lambda url, _: pages[url.split("/")[-3]]) == "cu123"
    assert find_wheel(("cu124",), "0.3.36", lambda url, _: pages["cu124"]) is None
    assert find_wheel((), "0.3.36", lambda url, _: "") is None


def test_an_index_that_does_not_answer_is_not_waited_for() -> None:
    done = threading.Event()

    def silent(url: str, timeout_s: float) -> str:
        done.wait()
        return ""

    try:
        assert find_wheel(("cpu",), "0.3.36", silent) is None
    finally:
        done.set()


def test_a_refused_connection_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: nobody listens

    assert find_wheel(("cpu",), "0.3.36", fetch_page) is None


def test_constraints_pin_the_engine(root: Path) -> None:
    assert pinned_version(root / "constraints.txt") == "0.3.36"


# ---------------------------------------------------------------- steps


def test_progress_is_read_from_pip_and_ninja() -> None:
    assert detail_of("  [57/136] /usr/bin/c++ -O3 ...") == "57 of 136"
    assert detail_of("Collecting msgspec==0.22.0 (from paddock)") == "Collecting msgspec==0.22.0"
    assert detail_of("  Using cached x.whl") is None
    assert duration(8.9) == "8 s"
    assert duration(125) == "2 min 5 s"


def test_a_failed_step_shows_its_last_lines_and_logs_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(tmp_path / "log")
    program = "import sys\nfor i in range(40): print('line', i)\nsys.exit(3)"

    with pytest.raises(StepFailed) as failed:
        steps.run("Counting", [sys.executable, "-c", program])

    shown = capsys.readouterr().err
    assert failed.value.code == 3
    assert "    line 25\n" in shown
    assert "line 24\n" not in shown
    assert "line 0\n" in (tmp_path / "log").read_text()


def test_a_step_says_how_it_goes_on_a_terminal(tmp_path: Path, root: Path) -> None:
    program = (
        "import sys, pathlib; from tools.steps import Steps\n"
        "Steps(pathlib.Path(sys.argv[1])).run('Building', [sys.executable, '-c', 'print(\"[3/4] cc\")'])"
    )
    master, slave = os.openpty()
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "log")], cwd=root, stderr=slave, check=True)
    shown = os.read(master, 4096).decode()
    os.close(master)
    os.close(slave)

    assert "Building: 0 s, 3 of 4" in shown
    assert "Building: done in 0 s" in shown


# ---------------------------------------------------------------- system packages


def test_each_package_manager_gets_its_own_command() -> None:
    needs = [need for need in (*LIBRARIES, *PROGRAMS) if need.name in ("libxcb-icccm.so.4", "Xvfb")]

    assert [" ".join(install_command(needs, manager)) for manager in MANAGERS] == [
        "apt-get install -y --no-install-recommends libxcb-icccm4 xvfb",
        "dnf install -y xcb-util-wm xorg-x11-server-Xvfb",
        "pacman -S --needed xcb-util-wm xorg-server-xvfb",
        "zypper install -y libxcb-icccm4 xorg-x11-server-Xvfb",
    ]


def test_the_advice_names_this_machines_package_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = [need for need in LIBRARIES if need.name == "libxcb-icccm.so.4"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert advice(needs) == "Install these libraries and programs with your system's package manager: libxcb-icccm.so.4"

    (tmp_path / "zypper").touch(0o755)
    assert advice(needs) == "sudo zypper install -y libxcb-icccm4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"', True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"', True),
        ("ID=fedora", False),
        ("not a field", False),
    ],
)
def test_debian_and_its_children_are_known(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "os-release").write_text(text)

    assert is_debian(tmp_path / "os-release") is expected
    assert not is_debian(tmp_path / "none")


# ---------------------------------------------------------------- namespace


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    for room in ROOMS:
        (tmp_path / room).mkdir()
    return tmp_path


def test_every_room_becomes_a_part_of_paddock(rooms: Path) -> None:
    (rooms / "sdk" / "version.py").touch()

    folder = link_rooms(rooms)

    assert sorted(path.name for path in (folder / "paddock").iterdir()) == sorted(ROOMS)
    assert (folder / "paddock" / "sdk" / "version.py").exists()
    assert link_rooms(rooms) == folder


def test_stale_links_are_mended(rooms: Path) -> None:
    package = link_rooms(rooms) / "paddock"
    (package / "gone").symlink_to(rooms / "sdk")
    (package / "gui").unlink()
    (package / "gui").symlink_to("/nowhere")
    (package / "server").unlink()
    (package / "server").symlink_to(rooms / "sdk")

    link_rooms(rooms)

    assert not os.path.lexists(package / "gone")
    assert (package / "gui").samefile(rooms / "gui")
    assert (package / "server").samefile(rooms / "server")


def test_what_is_not_a_link_is_left_alone(rooms: Path) -> None:
    mine = rooms / ".namespace" / "paddock" / "gui"
    mine.mkdir(parents=True)
    (mine / "file").touch()

    with pytest.raises(FileExistsError, match="is not a link"):
        link_rooms(rooms)
    assert (mine / "file").exists()


# ---------------------------------------------------------------- links


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# The page\n" + "## A `part`, twice\n" * 2 + "[up](../README.md)\n")
    (tmp_path / "README.md").write_text(
        "[good](docs/page.md#a-part-twice-1) ![no picture](docs/none.png)\n"
        "[no part](docs/page.md#nothing) [elsewhere](https://example.org/none)\n"
        "`[code](none.md)`\n```\n[code](none.md)\n```\n"
        '<img src="docs/no.png"> [out](../secret.md)\n'
    )

    assert problems(tmp_path) == [
        "README.md:1: “docs/none.png” does not exist",
        "README.md:2: “docs/page.md#nothing”: there is no heading of that name",
        "README.md:7: “../secret.md” leads out of the repository",
        "README.md:7: “docs/no.png” does not exist",
    ]


def test_headings_become_anchors() -> None:
    assert anchors("# What's new: 0.1\n```\n# not one\n```\n## [Links](x.md) too") == {"whats-new-01", "links-too"}


# ---------------------------------------------------------------- the whole check


def test_two_runs_of_tests_have_one_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right, wrong = tmp_path / "test_right.py", tmp_path / "test_wrong.py"
    right.write_text("def test_a(): pass\ndef test_b(): pass\n")
    wrong.write_text("def test_c(): assert not 'shown'\n")
    code = run_pytest({"one": [str(right)], "beside": [str(wrong)]}, {"format": True})
    shown = capsys.readouterr().out
    assert code == 1
    assert "assert not 'shown'" in shown
    assert shown.splitlines()[-2:-1] == ["Failed: beside"]
    assert shown.splitlines()[-1].startswith("2 passed, 1 failed in ")
    assert run_pytest({"one": [str(right)]}, {"format": True}) == 0
    assert run_pytest({"one": [str(right)]}, {"format": False}) == 1
