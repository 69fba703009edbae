"""The load options that the user saved for a model, in ``load-options.json``: every load of the model takes them.

What this version does not know stays in the file; a file that cannot be read is set aside, never overwritten.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from paddock.sdk.errors import InvalidOption, StorageFailed
from paddock.sdk.options import OptionSpec, check
from paddock.sdk.types import Options, OptionValue
from paddock.server.instance import write_private

logger = logging.getLogger(__name__)

VERSION = 1
_NAME = "load-options.json"


class LoadOptions:
    """Saved load options by the id of their model. Thread-safe; methods that read or write a small file are to be
    called off the loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._raw: dict[str, Any] | None = None

    def get(self, model: str, specs: tuple[OptionSpec, ...]) -> Options:
        """What is saved for ``model``, under the proper names of ``specs``; what does not fit them is left out and
        said in the log. Raises StorageFailed where the file is newer than this program."""
        with self._lock:
            return self._fitting(model, specs)

    def at_hand(self, model: str, specs: tuple[OptionSpec, ...]) -> Options | None:
        """As :meth:`get`, at once, also on the loop; None where the file would have to be read or waited for."""
        if self._raw is None or not self._lock.acquire(blocking=False):
            return None
        try:
            return self._fitting(model, specs)
        finally:
            self._lock.release()

    def _fitting(self, model: str, specs: tuple[OptionSpec, ...]) -> Options:
        saved = _of(self._read(), model)
        found: Options = {}
        for name, value in saved.items():
            try:
                found |= check({name: value}, specs, where=_NAME)
            except InvalidOption as error:
                logger.warning("%s: of “%s”: %s", _NAME, model, error.sentence())
        return found

    def put(self, model: str, options: Mapping[str, OptionValue], specs: tuple[OptionSpec, ...], where: str) -> Options:
        """Save ``options`` in place of those that were saved for ``model``; an empty mapping forgets them. ``where``
        names the options in errors. Raises UnknownOption, InvalidOption, StorageFailed; nothing is changed then."""
        checked = check(options, specs, where=where)
        known = {name for spec in specs for name in (spec.name, *spec.aliases)}
        with self._lock:
            raw = self._read()
            foreign = {name: value for name, value in _of(raw, model).items() if name not in known}
            models = {**_models(raw), model: foreign | checked}
            raw = {**raw, "version": VERSION, "models": {name: saved for name, saved in models.items() if saved}}
            try:
                write_private(self._path, msgspec.json.format(msgspec.json.encode(raw)))
            except OSError as error:
                raise StorageFailed(
                    f"The load options could not be saved: {error.strerror or error}.",
                    hint="Make room on the disk, then save them again.",
                    path=str(self._path),
                ) from error
            self._raw = raw
        return checked

    def _read(self) -> dict[str, Any]:
        if self._raw is None:
            self._raw = self._parsed()
        version = self._raw.get("version", VERSION)
        if isinstance(version, int) and version > VERSION:
            raise StorageFailed(
                "The saved load options come from a newer version of Paddock.",
                hint=f"Update Paddock, or move {_NAME} out of the data folder.",
                path=str(self._path),
            )
        return self._raw

    def _parsed(self) -> dict[str, Any]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Any])
        except FileNotFoundError:
            return {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
            logger.warning("%s cannot be read (%s); it is kept as %s.bad", _NAME, error, _NAME)
            try:
                self._path.replace(self._path.with_name(f"{_NAME}.bad"))
            except OSError as failed:
                logger.warning("%s could not be set aside: %s", _NAME, failed)
            return {}


def _models(raw: Mapping[str, Any]) -> dict[str, Any]:
    models = raw.get("models")
    return models if isinstance(models, dict) else {}


def _of(raw: Mapping[str, Any], model: str) -> dict[str, Any]:
    saved = _models(raw).get(model)
    return saved if isinstance(saved, dict) else {}
