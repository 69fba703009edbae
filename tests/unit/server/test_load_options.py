"""Saved load options: the file, and that every load takes them."""

from __future__ import annotations

import json

import pytest

from paddock.sdk import Client, InvalidOption, ModelNotFound, StorageFailed, UnknownOption
from paddock.sdk.host import SettingsPatch
from paddock.sdk.llamacpp_load import LOAD
from paddock.server.load_options import LoadOptions

STARTER = "paddock/starter"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "load-options.json"


def test_what_is_saved_is_read_again_and_an_empty_mapping_forgets_it(path):
    saved = LoadOptions(path)
    assert saved.get("m", LOAD) == {}
    assert saved.put("m", {"context": 4096, "n_parallel": 2}, LOAD, "here") == {"n_ctx": 4096, "n_parallel": 2}
    assert saved.put("other", {"n_ctx": "auto"}, LOAD, "here") == {"n_ctx": 0}
    assert LoadOptions(path).get("m", LOAD) == {"n_ctx": 4096, "n_parallel": 2}
    saved.put("m", {}, LOAD, "here")
    assert json.loads(path.read_text())["models"] == {"other": {"n_ctx": 0}}


def test_what_was_read_once_is_at_hand_and_nobody_waits_for_it(path):
    LoadOptions(path).put("m", {"n_ctx": 4096}, LOAD, "here")
    saved = LoadOptions(path)
    assert saved.at_hand("m", LOAD) is None, "the file has not been read"
    saved.get("m", LOAD)
    assert saved.at_hand("m", LOAD) == {"n_ctx": 4096}
    assert saved.at_hand("other", LOAD) == {}
    with saved._lock:
        assert saved.at_hand("m", LOAD) is None, "somebody is writing"
    saved.put("m", {}, LOAD, "here")
    assert saved.at_hand("m", LOAD) == {}


def test_unknown_keys_stay_and_what_does_not_fit_is_left_out(path):
    path.write_text(json.dumps({"version": 1, "x": 1, "models": {"m": {"n_ctx": -5, "n_parallel": 2, "later": 3}}}))
    saved = LoadOptions(path)
    assert saved.get("m", LOAD) == {"n_parallel": 2}
    saved.put("m", {"n_parallel": 3}, LOAD, "here")
    assert json.loads(path.read_text()) == {"version": 1, "x": 1, "models": {"m": {"later": 3, "n_parallel": 3}}}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b'{"models": 3}', b'{"models": {"m": 3}}'])
def test_a_damaged_file_is_set_aside_or_read_over(path, content):
    path.write_bytes(content)
    saved = LoadOptions(path)
    assert saved.get("m", LOAD) == {}
    assert saved.put("m", {"n_ctx": 512}, LOAD, "here") == {"n_ctx": 512}
    assert LoadOptions(path).get("m", LOAD) == {"n_ctx": 512}
    aside = path.with_name("load-options.json.bad")
    assert not aside.exists() or aside.read_bytes() == content


def test_a_newer_file_and_a_full_disk_are_sentences(path, monkeypatch):
    path.write_text('{"version": 2}')
    with pytest.raises(StorageFailed, match="newer version"):
        LoadOptions(path).put("m", {"n_ctx": 512}, LOAD, "here")
    path.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("paddock.server.load_options.write_private", full)
    with pytest.raises(StorageFailed, match="No space left"):
        LoadOptions(path).put("m", {"n_ctx": 512}, LOAD, "here")
    with pytest.raises(UnknownOption):
        LoadOptions(path).put("m", {"n_ctxx": 512}, LOAD, "here")


def test_every_load_takes_them_and_what_is_asked_for_wins(host):
    with Client.connect(host.home, start=False) as client:
        client.patch_settings(SettingsPatch(kv_store=False, kv_store_mib=123))
        assert client.set_load_options(STARTER, {"context": 512, "kv_store_mib": 7}) == {
            "n_ctx": 512,
            "kv_store_mib": 7,
        }
        assert client.load_options(STARTER) == {"n_ctx": 512, "kv_store_mib": 7}
        client.respond("hi", model=STARTER, max_tokens=1)
        [loaded] = client.loaded()
        assert (loaded.context_length, loaded.options["kv_store"], loaded.options["kv_store_mib"]) == (512, False, 7)
        assert client.load(STARTER).id == loaded.id
        assert client.load(STARTER, {"n_ctx": 1024}).context_length == 1024
        assert client.estimate(STARTER).context_length == 512
        with pytest.raises(InvalidOption):
            client.set_load_options(STARTER, {"n_ctx": -1})
        with pytest.raises(ModelNotFound):
            client.load_options("test/nothing")
