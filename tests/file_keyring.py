"""Stands in for the system's keyring in programs that the tests start: ``PYTHON_KEYRING_BACKEND=file_keyring.Keyring``
with this folder in ``PYTHONPATH``, and ``FILE_KEYRING`` naming the file it keeps."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class Keyring(KeyringBackend):
    priority = 5  # type: ignore[assignment]  # as its documentation writes it

    def _read(self) -> dict[str, str]:
        path = Path(os.environ["FILE_KEYRING"])
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return kept

    def _write(self, kept: dict[str, str]) -> None:
        Path(os.environ["FILE_KEYRING"]).write_text(json.dumps(kept))

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self._read(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self._read()
        del kept[f"{service}/{username}"]
        self._write(kept)
