"""Ties a worker to its host, so that no worker outlives it: beside the end of its pipe, by the operating system."""

from __future__ import annotations

import os
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
_OOM_SCORE = 500

_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS = 9
_PROCESS_SET_QUOTA_AND_TERMINATE = 0x0100 | 0x0001


def tie_to_parent(parent: int) -> None:
    """In the worker, first thing: die with the host, and before it when memory runs out.

    PDEATHSIG fires when the *thread* that forked ends, so the host starts workers from its event loop's thread.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)  # The host died before the line above.
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(_OOM_SCORE))
    except OSError as error:
        print(f"oom_score_adj could not be set: {error}", file=sys.stderr)  # noqa: T201 - the worker's log


class JobObject:
    """In the host, on Windows: a job whose processes are killed when its last handle closes, which is ours.

    Everywhere else it does nothing. One for the life of the host; ``add`` must run on any thread before the worker
    gets its first frame. Raises OSError when Windows refuses.
    """

    def __init__(self) -> None:
        self._handle: int | None = _make_job() if sys.platform == "win32" else None

    def add(self, pid: int) -> None:
        if self._handle is not None:
            _assign(self._handle, pid)


def _kernel32() -> Any:  # pragma: no cover - Windows
    import ctypes
    from ctypes import wintypes

    dll: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    dll.CreateJobObjectW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR)
    dll.CreateJobObjectW.restype = wintypes.HANDLE
    dll.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)
    dll.SetInformationJobObject.restype = wintypes.BOOL
    dll.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
    dll.OpenProcess.restype = wintypes.HANDLE
    dll.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    dll.AssignProcessToJobObject.restype = wintypes.BOOL
    dll.CloseHandle.argtypes = (wintypes.HANDLE,)
    dll.CloseHandle.restype = wintypes.BOOL
    return dll


def _make_job() -> int:  # pragma: no cover - Windows
    import ctypes
    from ctypes import wintypes

    class BasicLimits(ctypes.Structure):
        _fields_ = (
            ("PerProcessUserTimeLimit", ctypes.c_int64),
            ("PerJobUserTimeLimit", ctypes.c_int64),
            ("LimitFlags", wintypes.DWORD),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", wintypes.DWORD),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", wintypes.DWORD),
            ("SchedulingClass", wintypes.DWORD),
        )

    class ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("BasicLimitInformation", BasicLimits),
            ("IoInfo", ctypes.c_uint64 * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    kernel32 = _kernel32()
    handle = kernel32.CreateJobObjectW(None, None)
    if not handle:
        raise _windows_error("The job for worker processes could not be made")
    limits = ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
    if not kernel32.SetInformationJobObject(handle, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)):
        error = _windows_error("The job for worker processes could not be set up")
        kernel32.CloseHandle(handle)
        raise error
    return int(handle)


def _assign(job: int, pid: int) -> None:  # pragma: no cover - Windows
    kernel32 = _kernel32()
    process = kernel32.OpenProcess(_PROCESS_SET_QUOTA_AND_TERMINATE, False, pid)
    if not process:
        raise _windows_error(f"Worker {pid} could not be opened")
    try:
        if not kernel32.AssignProcessToJobObject(job, process):
            raise _windows_error(f"Worker {pid} could not be put into the job")
    finally:
        kernel32.CloseHandle(process)


def _windows_error(text: str) -> OSError:  # pragma: no cover - Windows
    import ctypes

    return OSError(f"{text} (Windows error {ctypes.get_last_error()}).")  # type: ignore[attr-defined,unused-ignore]
