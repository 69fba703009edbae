"""Memory through the host: estimates, plans, events, the settings of the guard, named and pinned instances."""

from __future__ import annotations

import msgspec
import pytest
from module_files import load_file
from server_harness import question

from paddock.sdk import BadRequest, Client, InvalidOption, MemoryChanged, ModelNotFound, NotFound, Snapshot
from paddock.sdk.errors import OutOfMemory
from paddock.sdk.host import SettingsPatch
from paddock.sdk.llamacpp_load import WITHOUT_PICTURES

STARTER = "paddock/starter"
MIB = 2**20


@pytest.fixture
def client(shared):
    with Client.connect(shared.home, start=False) as client:
        yield client
        client.patch_settings(SettingsPatch(memory_guard="balanced", memory_limit_mib=0))
        for loaded in client.loaded():
            client.unload(loaded.id)


def test_an_estimate_is_the_engines_own_number_and_the_quick_one_knows_it_afterwards(client):
    found = client.estimate(STARTER)
    assert (found.source, found.confidence, found.verdict, found.architecture) == (
        "simulated",
        "exact",
        "fits",
        "llama",
    )
    assert found.total_bytes == sum(device.bytes for device in found.devices) > 10 * MIB
    assert found.max_context == found.trained_context == 2048
    assert found.sentence.startswith("Fits. ")
    quick = client.estimate(STARTER, quick=True)
    assert (quick.source, quick.parts.kv) == ("simulated", found.parts.kv)
    half = client.estimate(STARTER, {"context": 1024})
    assert half.parts.kv * 2 == found.parts.kv
    assert client.loaded() == []


def test_the_prediction_is_kept_beside_what_the_load_took(client):
    loaded = client.load(STARTER)
    assert loaded.measured_bytes == pytest.approx(loaded.predicted_bytes, abs=32 * MIB)
    [ram] = [state for state in client.memory().devices if state.device.name == "RAM"]
    [share] = ram.models
    assert (share.instance, share.model, share.measured is not None) == (loaded.id, STARTER, True)
    assert client.estimate(STARTER).verdict == "fits"


@pytest.mark.parametrize("quick", [True, False])
def test_a_projector_that_does_not_work_is_a_note_of_the_estimate(client, tmp_path, quick):
    found = client.estimate(STARTER, {"mmproj": str(tmp_path / "gone.gguf")}, quick=quick)
    assert found.confidence != "low"
    assert found.parts.projector == 0
    assert found.notes[-1] == WITHOUT_PICTURES


def test_context_auto_is_the_largest_that_fits(client):
    assert client.estimate(STARTER, {"n_ctx": "auto"}).context_length == 2048
    loaded = client.load(STARTER, {"n_ctx": "auto"})
    assert loaded.context_length == 2048
    assert client.load(STARTER, {"n_ctx": "auto"}).id == loaded.id


def test_null_goes_back_to_the_default_of_a_saved_option(client):
    client.set_load_options(STARTER, {"n_ctx": 512})
    assert client.estimate(STARTER).context_length == client.load(STARTER).context_length == 512
    assert client.estimate(STARTER, {"n_ctx": None}).context_length == 2048
    default = client.load(STARTER, {"n_ctx": None})
    assert default.context_length == 2048
    assert client.load(STARTER, {"n_ctx": None}).id == default.id
    client.set_load_options(STARTER, {})


def test_other_engines_are_guessed_by_size_and_load_all_the_same(client):
    found = client.estimate("test/paris")
    assert (found.confidence, found.verdict, found.max_context) == ("low", "fits", None)
    assert found.notes
    assert client.load("test/paris").state == "ready"


def test_a_refused_load_says_what_would_help_and_force_overrides_it(client):
    client.patch_settings(SettingsPatch(memory_guard="custom", memory_limit_mib=1))
    assert client.estimate(STARTER).verdict in ("fits_with", "does_not_fit")
    with pytest.raises(OutOfMemory, match="does not fit into memory") as refused:
        client.load(STARTER)
    assert set(refused.value.details) >= {"verdict", "remedy", "needed_bytes", "free_bytes"}
    assert client.load(STARTER, force=True).state == "ready"


def test_instances_have_names_pins_and_times_to_live(client, shared, api):
    first = client.load("test/paris", pinned=True)
    second = client.load("test/paris", identifier="capital", ttl_s=60)
    assert (first.pinned, second.identifier, second.ttl_s) == (True, "capital", 60)
    assert first.id != second.id
    assert client.patch_instance("capital", pinned=True, ttl_s=0).ttl_s is None
    assert client.patch_instance(first.id, pinned=False).pinned is False
    api.chat.completions.create(model="capital", messages=[{"role": "user", "content": "hi"}], extra_body={"ttl": 77})
    assert "capital" in {model.id for model in api.models.list()}
    used = {loaded.identifier: loaded for loaded in client.loaded()}
    assert (used["capital"].ttl_s, used[""].ttl_s) == (77, None)
    assert used["capital"].last_used > used[""].last_used
    with pytest.raises(NotFound):
        client.patch_instance("nothing", pinned=True)
    with pytest.raises(BadRequest):
        client.patch_instance("capital", ttl_s=-1)


def test_models_loaded_for_a_request_leave_after_the_time_of_the_settings(client, shared):
    client.patch_settings(SettingsPatch(model_ttl_minutes=7))
    list(shared.events("POST", "/control/generate", question("hi")))
    [loaded] = client.loaded()
    assert loaded.ttl_s == 420


def test_clients_hear_of_memory_when_a_model_comes(client, shared):
    with Client.connect(shared.home, start=False) as watcher:
        events = watcher.events()
        assert isinstance(next(events), Snapshot)
        loaded = client.load("test/paris")
        for event in events:
            if isinstance(event, MemoryChanged) and any(d.models for d in event.memory.devices):
                break
        assert event.memory.devices[0].models[0].instance == loaded.id
        events.close()


def test_machines_are_this_one_and_the_planned_ones(client):
    client.patch_settings(SettingsPatch(planned_machines=("24GB",)))
    this, planned = client.machines()
    assert (this.planned, this.devices[0].name, planned.planned) == (False, "RAM", True)
    assert client.estimate(STARTER, on="24GB").machine == planned.name
    with pytest.raises(BadRequest, match="does not describe"):
        client.estimate(STARTER, on="a toaster")
    with pytest.raises(InvalidOption, match="planned_machines"):
        client.patch_settings(SettingsPatch(planned_machines=("a toaster",)))
    client.patch_settings(SettingsPatch(planned_machines=()))


@pytest.mark.parametrize(
    ("name", "value"), [("memory_guard", "some"), ("memory_limit_mib", -1), ("model_ttl_minutes", -1)]
)
def test_settings_that_do_not_fit_are_refused(shared, name, value):
    answer = shared.http.patch("/control/settings", json={name: value})
    assert answer.status_code == 400
    assert name in answer.json()["error"]["message"]


def test_what_cannot_be_estimated_is_a_sentence(client, shared):
    with pytest.raises(ModelNotFound, match="no model"):
        client.estimate("nothing")
    with pytest.raises(ModelNotFound, match="no file"):
        client.estimate("/nothing/here.gguf")
    with pytest.raises(InvalidOption):
        client.estimate(STARTER, {"n_ctx": -1})
    refused = client.estimate(STARTER, {"flash_attn": "off", "cache_type_v": "q4_0"})
    assert refused.verdict == "cannot_tell"


def test_a_model_on_the_hub_is_estimated_by_its_header_alone(start, tmp_path):
    hub, gguf_file = load_file("unit/browser/hub.py"), load_file("unit/browser/gguf_file.py")
    path = gguf_file.write_llama(tmp_path / "tiny.gguf", trained=8192)
    data = path.read_bytes()
    with hub.LocalHub() as local:
        local.add("owner/tiny-GGUF", {"tiny-Q4_K_M.gguf": hub.Blob(data, len(data))})
        host = start(env={"HF_ENDPOINT": local.url, "HF_HUB_DISABLE_TELEMETRY": "1"}).ready()
        with Client.connect(host.home, start=False) as client:
            found = client.estimate("owner/tiny-GGUF:Q4_K_M")
            here = client.estimate(str(path))
            again = client.estimate("owner/tiny-GGUF:Q4_K_M", quick=True)
    assert found.fetched_bytes > 0
    assert (found.source, found.verdict) == ("simulated", "fits")
    assert msgspec.structs.replace(found.parts, overhead=here.parts.overhead) == here.parts
    assert (again.fetched_bytes, again.parts) == (0, found.parts)
