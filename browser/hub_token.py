"""Whose token the hub is asked with: the one in the keyring of the operating system, else ``HF_TOKEN``, else that of
``hf auth login``. A token is never written anywhere but into the keyring.

``hub-account.json`` in the data folder says for which hubs the keyring holds one, so that nobody is asked to unlock a
keyring that Paddock has put nothing into.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from paddock.browser.hub import ENDPOINT, Hub
from paddock.sdk.errors import BadRequest, StorageFailed
from paddock.sdk.hub import HubAccount, TokenSource
from paddock.sdk.paths import Home

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

logger = logging.getLogger(__name__)

SERVICE = "Paddock"
"""What the keyring calls us; the name of the entry is the hub's host."""
_PRINTABLE = re.compile(r"[!-~]{1,512}")
_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_NO_KEYRING = "There is no keyring on this computer that Paddock can use"
_VERSION = 1


class HubAccess:
    """The hub at ``endpoint`` and this user's token for it; ``record`` is the file that names the accounts.

    Everything here blocks: a keyring may ask its user. Raises BadRequest for an ``endpoint`` that is no address.
    """

    def __init__(self, record: Path, endpoint: str = ENDPOINT) -> None:
        self._record = record
        self._endpoint = endpoint
        self._host = _host_of(endpoint)

    @classmethod
    def of_this_user(cls, home: Home | None = None) -> HubAccess:
        return cls((home or Home.find()).hub_account_file, os.environ.get("HF_ENDPOINT") or ENDPOINT)

    def hub(self) -> Hub:
        return Hub(self._endpoint, self._find()[0])

    def account(self) -> HubAccount:
        """Who asks; the hub itself is not asked."""
        _, source, note = self._find()
        name = self._accounts().get(self._host, "") if source == "keyring" else ""
        can_keep = _backend() is not None
        if not (note or can_keep) and source == "none":
            note = f"{_NO_KEYRING}: to sign in, set HF_TOKEN and restart Paddock."
        return HubAccount(host=self._host, name=name, source=source, can_keep=can_keep, note=note)

    def log_in(self, token: str) -> HubAccount:
        """Try ``token`` and put it into the keyring. Raises BadRequest, AccessDenied where the hub does not accept it,
        RemoteFailed, StorageFailed without a keyring."""
        token = token.strip()
        if not _PRINTABLE.fullmatch(token):
            raise BadRequest(
                "That is no token.", hint=f"Copy it from {self._host}/settings/tokens; it begins with hf_."
            )
        backend = _backend()
        if backend is None:
            raise StorageFailed(
                f"{_NO_KEYRING}, and the token is written nowhere else.",
                hint="Set HF_TOKEN in the environment instead and restart Paddock.",
            )
        name = Hub(self._endpoint, token).whoami()
        try:
            backend.set_password(SERVICE, self._host, token)
        except Exception as error:  # keyrings are plug-ins of the system and raise what they like
            raise StorageFailed("The keyring did not take the token.", hint="Unlock it and try again.") from error
        self._note({**self._accounts(), self._host: name})
        return self.account()

    def log_out(self) -> HubAccount:
        """Take the token out of the keyring. Raises StorageFailed where the keyring does not give it away."""
        backend = _backend()
        if self._host in self._accounts() and backend is not None:
            try:
                if backend.get_password(SERVICE, self._host) is not None:
                    backend.delete_password(SERVICE, self._host)
            except Exception as error:  # keyrings are plug-ins of the system and raise what they like
                raise StorageFailed("The keyring did not remove the token.", hint="Unlock it and try again.") from error
        self._note({host: name for host, name in self._accounts().items() if host != self._host})
        return self.account()

    # ---------------------------------------------------------------- where it comes from

    def _find(self) -> tuple[str | None, TokenSource, str]:
        """Token, its source, and a sentence where the keyring failed."""
        token, note = self._kept()
        if token:
            return token, "keyring", ""
        from huggingface_hub import get_token

        token = get_token()
        if token is None:
            return None, "none", note
        source: TokenSource = "environment" if any(os.environ.get(name) for name in _VARIABLES) else "login"
        if not _PRINTABLE.fullmatch(token):
            return None, "none", "The token of the environment is no token: it holds characters that none has."
        return token, source, note

    def _kept(self) -> tuple[str | None, str]:
        if self._host not in self._accounts():
            return None, ""
        backend = _backend()
        if backend is None:
            return None, f"{_NO_KEYRING}, so the token that was put into one is not there."
        try:
            token = backend.get_password(SERVICE, self._host)
        except Exception:  # keyrings are plug-ins of the system and raise what they like
            logger.warning("the keyring did not open", exc_info=True)
            return None, "The keyring did not open, so its token is not used."
        if not token or not _PRINTABLE.fullmatch(token):
            return None, "The keyring no longer has the token: give it again here, or by “paddock login”."
        return token, ""

    # ---------------------------------------------------------------- the record

    def _accounts(self) -> dict[str, str]:
        """Host to account name."""
        try:
            record: Any = msgspec.json.decode(self._record.read_bytes())
            return {str(host): str(name) for host, name in record["accounts"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("%s cannot be read (%s)", self._record.name, type(error).__name__)
            return {}

    def _note(self, accounts: dict[str, str]) -> None:
        new = self._record.with_name(f".{self._record.name}.{os.getpid()}.new")
        try:
            new.write_bytes(msgspec.json.encode({"version": _VERSION, "accounts": accounts}))
            new.replace(self._record)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise StorageFailed(
                f"{self._record.name} could not be saved: {error.strerror or error}.", hint="Make room on the disk."
            ) from error


def _host_of(endpoint: str) -> str:
    """Name and port, which a token belongs to."""
    try:
        parts = urlsplit(endpoint)
        if parts.hostname and parts.scheme in ("http", "https"):
            return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        pass
    raise BadRequest("HF_ENDPOINT is not the address of a hub.", hint="It looks like https://huggingface.co.")


def _backend() -> KeyringBackend | None:
    """The system's keyring. None where there is none, and where what stands in for it would write to a plain file."""
    try:
        import keyring

        backend = keyring.get_keyring()
        return backend if backend.priority >= 1 else None
    except Exception:  # keyrings are plug-ins of the system and raise what they like
        logger.info("no keyring", exc_info=True)
        return None
