"""What engines keep of prompts on disk: shown, cleared, and switched by the settings."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from paddock.backends.llamacpp.kv_store import KvStore
from paddock.sdk import Client, NotFound
from paddock.sdk.host import CachedPrompts, SettingsPatch
from paddock.server.settings import SettingsStore

KIB = 1024


def keep(folder: Path, identity: str, model: str, count: int) -> None:
    store = KvStore(folder, identity * 64, 2**30, lambda line: None, model=model)
    for number in range(count):
        store.put([number], bytes(KIB))
    store.close(30)


@pytest.fixture
def client(shared):
    with Client.connect(shared.home, start=False) as client:
        yield client
        client.clear_prompt_cache()


def names(kept: list[CachedPrompts]) -> dict[str, int]:
    return {each.model: each.prompts for each in kept}


def test_what_is_kept_is_shown_and_cleared_per_model(shared, client):
    assert client.prompt_cache() == []
    paris = str(shared.home.models / "test" / "paris" / "paris.echo.json")
    for identity, model, count in (("a", paris, 2), ("b", "/gone/old.gguf", 1), ("c", paris, 1)):
        keep(shared.home.kv, identity, model, count)
    kept = client.prompt_cache()
    assert names(kept) == {"test/paris": 3, "old.gguf": 1}
    assert kept[0].model == "test/paris"  # used last
    assert kept[0].size_bytes > 3 * KIB
    assert kept[0].used > kept[1].used > 1.7e9
    with pytest.raises(NotFound, match="No prompts of “test/pari” are kept") as refused:
        client.clear_prompt_cache("test/pari")
    assert refused.value.hint == "Did you mean “test/paris”?"
    client.clear_prompt_cache("test/paris")
    assert names(client.prompt_cache()) == {"old.gguf": 1}
    keep(shared.home.kv, "a", paris, 1)
    client.clear_prompt_cache(paris)
    assert names(client.prompt_cache()) == {"old.gguf": 1}
    client.clear_prompt_cache()
    assert client.prompt_cache() == []
    assert list(shared.home.kv.iterdir()) == []


def test_the_settings_say_how_models_are_loaded_from_then_on(host):
    with Client.connect(host.home, start=False) as client:
        assert (client.settings().kv_store, client.settings().kv_store_mib) == (True, 10_240)
        client.patch_settings(SettingsPatch(kv_store=False, kv_store_mib=123))
        loaded = client.load("paddock/starter")
        assert (loaded.options["kv_store"], loaded.options["kv_store_mib"]) == (False, 123)
        client.patch_settings(SettingsPatch(kv_store=True))
        assert client.load("paddock/starter").id == loaded.id
        other = client.load("paddock/starter", {"kv_store_mib": 7})
        assert (other.options["kv_store"], other.options["kv_store_mib"]) == (True, 7)


@pytest.mark.parametrize(("name", "value"), [("kv_store", 1), ("kv_store_mib", -1), ("kv_store_mib", 2**40)])
def test_a_setting_that_does_not_fit_is_refused_in_words_and_not_taken_from_the_file(shared, tmp_path, name, value):
    answer: httpx2.Response = shared.http.patch("/control/settings", json={name: value})
    assert answer.status_code == 400
    assert name in answer.json()["error"]["message"]
    (tmp_path / "settings.toml").write_text(f"{name} = {value}")
    settings = SettingsStore(tmp_path / "settings.toml").current
    assert (settings.kv_store, settings.kv_store_mib) == (True, 10_240)
