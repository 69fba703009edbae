"""Values about the host itself: its address, its server, its settings, what it is doing."""

from __future__ import annotations

from typing import Literal

from paddock.sdk.memory import Guard
from paddock.sdk.types import Options, Request, Value

OnQuit = Literal["ask", "go_on", "pause"]


class Handshake(Value, frozen=True, kw_only=True):
    """Who answers. ``busy`` lists what the host is doing, in words; empty when it could leave."""

    instance: str
    protocol: int
    version: str
    pid: int
    home: str
    busy: tuple[str, ...] = ()


class HostAddress(Value, frozen=True, kw_only=True):
    """What ``run/host.json`` holds: where the host of this data folder said it is. Only an address, proof of nothing:
    a host is alive when its lock is held and it answers a handshake with this ``instance``.

    ``machine`` is the host name of the computer and ``boot`` the id of its boot, both as
    :func:`paddock.sdk.paths.machine_name` and :func:`paddock.sdk.paths.boot_id` tell them; ``url`` has no path
    (``http://127.0.0.1:40123``).
    """

    instance: str
    protocol: int
    version: str
    url: str
    token: str
    pid: int
    machine: str
    boot: str


class LogTail(Value, frozen=True, kw_only=True):
    """The last lines of the host's log, oldest first, and where the file is."""

    path: str
    lines: tuple[str, ...]


class RaiseRequest(Request, frozen=True, kw_only=True):
    """Ask the open windows to come to the front; ``activation_token`` is the XDG activation token on Wayland. The one
    that was opened last is asked to ``open`` something: a path or an address (:mod:`paddock.sdk.open_address`)."""

    activation_token: str = ""
    open: str = ""


class RaiseAnswer(Value, frozen=True, kw_only=True):
    """How many windows were asked."""

    windows: int


class ServerStatus(Value, frozen=True, kw_only=True):
    """The public API server. ``urls`` are its addresses while it runs; ``error`` why it could not start. A higher
    ``revision`` is newer, for as long as the host lives."""

    running: bool
    host: str
    port: int
    urls: tuple[str, ...] = ()
    requests: int = 0
    key_required: bool = False
    error: str | None = None
    revision: int = 0


class ServerRequest(Request, frozen=True, kw_only=True):
    """Switch the public API server. ``strict_port``: fail when the port is taken instead of using the next free one."""

    running: bool
    host: str | None = None
    port: int | None = None
    strict_port: bool = False


class Settings(Value, frozen=True, kw_only=True):
    """What the user set, kept in ``settings.toml``. Unknown keys in the file are kept and reported, never lost.

    ``memory_limit_mib`` is what all models together may take of the machine's memory under the guard ``custom``;
    ``model_ttl_minutes`` how long a model that was loaded on demand may be idle, 0: for ever; ``planned_machines`` are
    the computers that the user plans for (“24GB”). ``download_limit`` is in bytes per second, 0: none.
    ``hidden_places`` are stores of other programs whose models are not to be shown, by path; ``keep_awake`` keeps the
    computer from sleeping while a download, an answer or a job runs; ``on_quit`` is what downloads do when the last
    window closes; ``notify`` tells the desktop when something long is done; ``welcomed``: the first screen was seen;
    ``model_titles``: the model that gave a conversation's first answer names it too.
    """

    theme: Literal["system", "light", "dark"] = "system"
    text_zoom: float = 1.0
    system_font: bool = False
    density: Literal["comfortable", "compact"] = "comfortable"
    default_model: str = "paddock/starter"
    system_prompt: str = ""
    model_folders: tuple[str, ...] = ()
    api_host: str = "127.0.0.1"
    api_port: int = 5151
    keep_models_minutes: int = 10
    kv_store: bool = True
    kv_store_mib: int = 10_240
    memory_guard: Guard = "balanced"
    memory_limit_mib: int = 0
    model_ttl_minutes: int = 60
    planned_machines: tuple[str, ...] = ()
    download_limit: int = 0
    hidden_places: tuple[str, ...] = ()
    keep_awake: bool = True
    on_quit: OnQuit = "ask"
    notify: bool = True
    welcomed: bool = False
    model_titles: bool = True


class SettingsPatch(Request, frozen=True, kw_only=True):
    theme: Literal["system", "light", "dark"] | None = None
    text_zoom: float | None = None
    system_font: bool | None = None
    density: Literal["comfortable", "compact"] | None = None
    default_model: str | None = None
    system_prompt: str | None = None
    model_folders: tuple[str, ...] | None = None
    api_host: str | None = None
    api_port: int | None = None
    keep_models_minutes: int | None = None
    kv_store: bool | None = None
    kv_store_mib: int | None = None
    memory_guard: Guard | None = None
    memory_limit_mib: int | None = None
    model_ttl_minutes: int | None = None
    planned_machines: tuple[str, ...] | None = None
    download_limit: int | None = None
    hidden_places: tuple[str, ...] | None = None
    keep_awake: bool | None = None
    on_quit: OnQuit | None = None
    notify: bool | None = None
    welcomed: bool | None = None
    model_titles: bool | None = None


class CachedPrompts(Value, frozen=True, kw_only=True):
    """Prompts that one model has read and that are kept on disk, so that it need not read them again. ``model`` is its
    id, or the name of its file where that is no longer in the folders; ``used`` is the last use in Unix seconds."""

    model: str
    prompts: int
    size_bytes: int
    used: float


class Generation(Value, frozen=True, kw_only=True):
    """A running request. ``chat_id`` where it belongs to a chat, whose ``sampling`` and its own it runs with;
    ``client`` says who asked (window, cli, api ...)."""

    id: str
    model: str
    client: str
    started: float
    chat_id: str | None = None
    message_id: str | None = None
    pane: str = ""
    sampling: Options | None = None


class RetuneRequest(Request, frozen=True, kw_only=True):
    """Sampling that a running generation goes on with, in place of what it came with."""

    sampling: Options


class ShutdownRequest(Request, frozen=True, kw_only=True):
    """``idle``: leave only when nothing runs (refused with HostBusy otherwise); ``done``: when the work is done."""

    when: Literal["idle", "done", "now"] = "idle"
