"""Where the token comes from, where it goes, and what is said when there is none."""

from __future__ import annotations

import logging

import keyring
import keyring.backend
import keyring.errors
import pytest

from paddock.browser.hub import Hub
from paddock.browser.hub_token import SERVICE, HubAccess
from paddock.sdk.errors import AccessDenied, BadRequest, PaddockError, RemoteFailed, StorageFailed
from paddock.sdk.hub import HubLogin
from paddock.sdk.paths import Home

TOKEN = "hf_right"


class Keyring(keyring.backend.KeyringBackend):
    """The system's, in memory."""

    priority = 5  # type: ignore[assignment]  # as its documentation writes it

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.asked = 0

    def _open(self) -> None:
        self.asked += 1
        if self.locked:
            raise keyring.errors.KeyringLocked("dismissed")

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]


class Plain(Keyring):
    """What would write to a plain file."""

    priority = 0.5  # type: ignore[assignment]


@pytest.fixture
def use(monkeypatch):
    def use(backend: keyring.backend.KeyringBackend) -> None:
        monkeypatch.setattr(keyring.core, "_keyring_backend", backend)

    return use


@pytest.fixture
def ring(use) -> Keyring:
    made = Keyring()
    use(made)
    return made


@pytest.fixture
def access(hub, catalogue, tmp_path, monkeypatch) -> HubAccess:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    home = Home(tmp_path / "home")
    home.root.mkdir()
    return HubAccess.of_this_user(home)


def refused(kind: type[PaddockError], access: HubAccess, token: str) -> PaddockError:
    with pytest.raises(kind) as error:
        access.log_in(token)
    assert error.value.hint.endswith(".")
    assert not token.strip() or token.strip() not in repr(error.value.info())
    return error.value


def test_a_token_is_tried_and_kept_in_the_keyring_alone(access, ring, tmp_path, catalogue, hub):
    account = access.log_in(f"  {TOKEN}\n")
    host = hub.url.removeprefix("http://")
    assert (account.host, account.name, account.source, account.note) == (host, "tester", "keyring", "")
    assert ring.kept == {(SERVICE, host): TOKEN}
    assert catalogue.asked == ["/api/whoami-v2?"]
    assert access.hub().whoami() == "tester"
    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert [path.name for path in written] == ["hub-account.json"]
    assert TOKEN.encode() not in written[0].read_bytes()


def test_the_users_hub_takes_it(access, ring):
    access.log_in(TOKEN)
    assert Hub.of_this_user().has_token


def test_a_token_goes_to_the_hub_that_it_is_for(access, ring, monkeypatch):
    access.log_in(TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")
    assert not Hub.of_this_user().has_token


@pytest.mark.parametrize("endpoint", ["huggingface.co", "http://[bad", "http://host:port", "ftp://host", "https://"])
def test_an_endpoint_that_is_none(monkeypatch, tmp_path, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(BadRequest) as error:
        HubAccess.of_this_user(Home(tmp_path))
    assert "HF_ENDPOINT" in error.value.message


def test_logging_out_removes_it(access, ring):
    access.log_in(TOKEN)
    account = access.log_out()
    assert (account.source, account.name) == ("none", "")
    assert ring.kept == {}
    assert access.log_out().source == "none"


def test_a_wrong_token_is_not_kept(access, ring):
    error = refused(AccessDenied, access, "hf_wrong")
    assert "settings/tokens" in error.hint
    assert ring.kept == {}
    assert access.account().source == "none"


def test_a_mirror_without_accounts_is_said_to_have_none(access, ring, catalogue):
    catalogue.statuses.append((404, {}))
    error = refused(RemoteFailed, access, TOKEN)
    assert "has no accounts" in error.message
    assert ring.kept == {}


@pytest.mark.parametrize("token", ["", "  ", "hf right", "hf_\u0430bc", "hf_a\nX-Evil: 1", "x" * 600])
def test_what_is_no_token(access, ring, catalogue, token):
    assert "no token" in refused(BadRequest, access, token).message
    assert catalogue.asked == []


def test_without_a_keyring_nothing_is_written_and_the_environment_is_named(access, use, monkeypatch, tmp_path):
    for backend in (keyring.backends.fail.Keyring(), Plain()):
        use(backend)
        assert "HF_TOKEN" in refused(StorageFailed, access, TOKEN).hint
        assert "no keyring" in access.account().note
        assert not access.account().can_keep
    assert list((tmp_path / "home").iterdir()) == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert (access.account().source, access.account().note) == ("environment", ""), "nothing is left to be done"
    assert access.hub().whoami() == "tester"


def test_the_keyring_goes_before_the_environment(access, ring, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    access.log_in(TOKEN)
    assert access.account().source == "keyring"
    assert access.hub().whoami() == "tester"


def test_the_login_of_the_official_client_counts(access, ring, monkeypatch, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    assert access.account().source == "login"


def test_a_keyring_that_we_put_nothing_into_is_not_opened(access, ring):
    access.hub()
    access.account()
    access.log_out()
    assert ring.asked == 0


def test_a_keyring_that_stays_locked_is_said(access, ring):
    access.log_in(TOKEN)
    ring.locked = True
    assert "did not open" in access.account().note
    assert not access.hub().has_token
    assert "Unlock" in refused(StorageFailed, access, TOKEN).hint
    with pytest.raises(StorageFailed):
        access.log_out()
    ring.locked = False
    ring.kept.clear()
    assert "paddock login" in access.account().note


def test_a_revoked_token_and_a_hub_that_is_gone(access, ring, catalogue):
    access.log_in(TOKEN)
    catalogue.accounts.clear()
    with pytest.raises(AccessDenied) as error:
        access.hub().info("Qwen/Qwen3-4B-GGUF")
    assert "revoked" in error.value.message
    catalogue.statuses = [(503, {})]
    refused(RemoteFailed, access, TOKEN)


def test_a_damaged_record_counts_as_none(access, ring, tmp_path):
    access.log_in(TOKEN)
    for content in (b"{", b"[]", b'{"accounts": 3}', b"\xff"):
        (tmp_path / "home" / "hub-account.json").write_bytes(content)
        assert access.account().source == "none"


def test_no_log_and_no_description_holds_the_token(access, ring, caplog, catalogue):
    caplog.set_level(logging.DEBUG)
    access.log_in(TOKEN)
    ring.locked = True
    access.account()
    ring.locked = False
    catalogue.accounts.clear()
    with pytest.raises(AccessDenied):
        access.hub().info("Qwen/Qwen3-4B-GGUF")
    assert caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(HubLogin(token=TOKEN))
    assert TOKEN not in repr(vars(access))
