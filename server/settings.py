"""The user's settings in ``settings.toml``. Keys that this version does not know stay in the file; a value that does
not fit is replaced by its default in memory, said in the log, and left in the file until the user changes it."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from paddock.sdk.errors import BadRequest, InvalidOption, StorageFailed
from paddock.sdk.host import Settings, SettingsPatch
from paddock.server.instance import write_private

logger = logging.getLogger(__name__)

RANGES = {
    "text_zoom": (0.5, 3.0),
    "api_port": (0, 65535),
    "keep_models_minutes": (0, 60 * 24 * 365),
    "kv_store_mib": (0, 16_777_216),
    "memory_limit_mib": (0, 16_777_216),
    "model_ttl_minutes": (0, 60 * 24 * 365),
    "download_limit": (0, 10**12),
}


class SettingsStore:
    """``current`` is what holds now. ``patch`` blocks on the disk: call it off the loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw: dict[str, Any] = {}
        self.current = Settings()
        self.read()

    def read(self) -> None:
        """Take over what the file says; a file that is no TOML is set aside, never overwritten."""
        try:
            self._raw = tomllib.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            self._raw = {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            logger.warning("settings.toml cannot be read (%s); it is kept as settings.toml.bad", error)
            self._set_aside()
            self._raw = {}
        self.current = merged(Settings(), self._raw, logger.warning)

    def patch(self, changes: SettingsPatch) -> Settings:
        """Change and save. Raises InvalidOption and StorageFailed; nothing is changed then."""
        import tomli_w

        given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None}
        for name, value in given.items():
            problem = misfit(name, value)
            if problem:
                raise InvalidOption(f"The setting “{name}” cannot be {value!r}.", hint=problem, option=name)
        raw = {**self._raw, **msgspec.to_builtins(given)}
        try:
            write_private(self._path, tomli_w.dumps(raw).encode())
        except OSError as error:
            raise StorageFailed(
                f"The settings could not be saved: {error.strerror or error}.",
                hint="Make room on the disk, then change the setting again.",
                path=str(self._path),
            ) from error
        self._raw = raw
        self.current = msgspec.structs.replace(self.current, **given)
        return self.current

    def _set_aside(self) -> None:
        try:
            self._path.replace(self._path.with_name("settings.toml.bad"))
        except OSError as error:
            logger.warning("settings.toml could not be set aside: %s", error)


def merged(base: Settings, raw: dict[str, Any], warn: Callable[..., None]) -> Settings:
    """``base`` with what fits of ``raw``; the rest is reported."""
    fields = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in fields:
            warn("settings.toml: “%s” is not known to this version; it is kept", name)
            continue
        try:
            fitted = msgspec.convert(value, fields[name])
        except msgspec.ValidationError as error:
            warn("settings.toml: “%s”: %s; the default holds", name, error)
            continue
        problem = misfit(name, fitted)
        if problem:
            warn("settings.toml: “%s” is %r: %s The default holds", name, value, problem)
        else:
            values[name] = fitted
    return msgspec.structs.replace(base, **values)


def misfit(name: str, value: Any) -> str:
    """What is wrong with a value of the right type; empty when nothing is."""
    if name in RANGES:
        low, high = RANGES[name]
        if not low <= value <= high:
            return f"It takes {low:g} to {high:g}."
    if name == "planned_machines":
        return _unknown_machine(value)
    texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
    if any("\0" in text for text in texts):
        return "It takes a text without null characters."
    with_port = name == "api_host" and value.count(":") == 1
    if name == "api_host" and (not value or with_port or any(c.isspace() or c in "/@" for c in value)):
        return "It takes a host name or an address, without a port."
    return ""


def _unknown_machine(machines: tuple[str, ...]) -> str:
    if not machines:
        return ""  # without the import, which a start need not pay for
    from paddock.browser.machines import parse

    try:
        for machine in machines:
            parse(machine)
    except BadRequest as error:
        return error.sentence()
    return ""
