"""Where Paddock keeps its things (DESIGN section 7): ``PADDOCK_HOME`` or the platform's data folder."""

from __future__ import annotations

import os
from pathlib import Path


class Home:
    """The data folder's layout. Creates nothing by itself."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = root / "run"
        self.logs = root / "logs"
        self.models = root / "models"
        self.bench = root / "bench"
        self.kv = root / "kv"
        self.headers = root / "headers"
        self.host_file = self.run / "host.json"
        self.lock_file = self.run / "host.lock"
        self.start_lock_file = self.run / "start.lock"
        self.settings_file = root / "settings.toml"
        self.load_options_file = root / "load-options.json"
        self.hub = root / "hub"
        self.hub_account_file = root / "hub-account.json"
        self.library_file = root / "library.db"
        self.model_notes_file = root / "model-notes.json"
        self.downloads_file = root / "downloads.json"
        self.trash_file = root / "trash.json"
        self.chats_file = root / "chats.db"
        self.backups = root / "backups"
        self.presets = root / "presets"
        self.window_file = root / "window.json"
        self.drafts = root / "drafts"
        self.history_file = root / "history"

    @classmethod
    def find(cls) -> Home:
        """The folder of this user, from the environment or the platform's convention."""
        named = os.environ.get("PADDOCK_HOME")
        if named:
            return cls(Path(named).expanduser().absolute())
        from platformdirs import user_data_path

        return cls(user_data_path("paddock", appauthor=False))


def machine_name() -> str:
    """This computer's name, for ``run/host.json`` in a data folder that several computers share."""
    import socket

    return socket.gethostname()


def boot_id() -> str:
    """The id of this boot; empty where the system does not tell one (then only the handshake decides)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
