"""Both clients offer the same, and importing the SDK costs next to nothing."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import paddock.sdk
from paddock.sdk import errors, events, questions, types
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.client import Client

FORBIDDEN = ("httpx", "httpx2", "PySide6", "llama_cpp", "litestar", "uvicorn", "numpy", "typer", "rich", "filelock")


def surface(kind: type) -> dict[str, str]:
    """Public names and signatures, what is asynchronous told as if it were not."""
    found = {}
    for name, member in vars(kind).items():
        function = member.__func__ if isinstance(member, classmethod) else member
        if inspect.isfunction(function) and not name.startswith("_"):
            signature = str(inspect.signature(function))
            signature = re.sub(r"AsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]", signature)
            found[name] = signature.replace("AsyncClient", "Client")
    return found


def test_both_clients_have_the_same_surface():
    assert surface(AsyncClient) == surface(Client)
    assert len(surface(Client)) > 25


def test_what_waits_is_a_coroutine_and_what_streams_an_async_generator():
    for name, signature in surface(AsyncClient).items():
        streams = "Generator[" in signature
        assert inspect.iscoroutinefunction(getattr(AsyncClient, name)) is not streams, name
        if streams:
            assert not inspect.iscoroutinefunction(getattr(Client, name))


@pytest.mark.parametrize("module", [types, questions, events, errors])
def test_every_public_value_event_and_error_is_exported(module):
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            assert getattr(paddock.sdk, name) is value


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        paddock.sdk.nothing  # noqa: B018


@pytest.mark.parametrize("statement", ["import paddock.sdk", "from paddock.sdk import Client, AsyncClient, Message"])
def test_importing_brings_no_http_library_no_qt_no_engine_no_server(statement):
    listing = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "paddock.sdk" in loaded
    assert not [name for name in loaded if name.split(".")[0] in FORBIDDEN]
    assert not [name for name in loaded if re.match(r"paddock\.(server|gui|backends|browser)", name)]
