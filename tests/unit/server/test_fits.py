"""Whether the quants of a repository fit, through a real host and a local hub that serves headers without weights."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from module_files import load_file
from server_harness import HostProcess

from paddock.browser.gguf import parse_header
from paddock.sdk.client import Client
from paddock.sdk.errors import BadRequest, ModelNotFound, UnknownOption
from paddock.sdk.hub import FitsRequest, HubSearchRequest, QuantFit, RepoFits

REPO = "owner/model-GGUF"
PARTS = "owner/parts-GGUF"
QUANTS = ("Q2_K", "Q4_K_M", "Q6_K", "Q8_0", "F16")
GB = 10**9


@pytest.fixture(scope="module")
def hub() -> Iterator[Any]:
    tools = load_file("unit/browser/hub.py")
    headers = load_file("hub_headers.py")

    def blob(quant: str, parameters: int = 3 * GB) -> Any:
        """As long as its header says."""
        head = headers.HeaderBlob("llama", "Model", parameters, 32768, quant, "", 10**12).head
        return tools.Blob(head, parse_header(io.BytesIO(head), 10**12, quant, available=len(head)).data_end)

    with tools.LocalHub() as made:
        made.add(REPO, {f"model-{quant}.gguf": blob(quant) for quant in QUANTS})
        made.add("paddock/starters", {"model-Q4_K_M.gguf": blob("Q4_K_M")})
        made.add(PARTS, {"m-Q8_0-00001-of-00002.gguf": blob("Q8_0"), "m-Q4_K_M.gguf": blob("Q4_K_M")})
        made.add("owner/broken", {"m-Q8_0.gguf": tools.Blob(b"no GGUF", 9 * GB), "m-Q4_K_M.gguf": blob("Q4_K_M")})
        made.add("mlx-community/m-4bit", {"config.json": b"{}", "model.safetensors": b"x" * 1000})
        yield made


@pytest.fixture(scope="module")
def host(hub: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    folder = tmp_path_factory.mktemp("fits")
    (folder / "home").mkdir()
    env = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "HF_TOKEN": "",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    made = HostProcess(folder / "home", env=env).ready()
    yield made
    made.close()


@pytest.fixture
def client(host: HostProcess) -> Iterator[Client]:
    with Client.connect(host.home, start=False) as made:
        yield made


def by_label(found: RepoFits) -> dict[str, QuantFit]:
    return {fit.label: fit for fit in found.fits}


def test_without_a_header_the_answer_is_a_guess_and_nothing_is_fetched(client, hub):
    """The first of the tests: nothing of this repository is known yet."""
    found = client.hub_fits(FitsRequest(repo=REPO, on="8GB", quick=True))
    assert [fit.label for fit in found.fits] == list(reversed(QUANTS))
    assert {fit.estimate.confidence for fit in found.fits} == {"low"}
    assert {fit.estimate.source for fit in found.fits} == {"analytic"}
    assert "size of the file alone" in found.fits[0].estimate.notes[0]
    assert by_label(found)["Q4_K_M"].estimate.verdict == "fits"
    assert found.machine.startswith("8 GB card")
    assert found.disk_free > 0
    assert [seen for seen in hub.file_requests() if seen.path.endswith(".gguf")] == []


def test_one_header_makes_all_of_them_what_an_estimate_says(client, hub):
    before = len(hub.file_requests())
    found = client.hub_fits(FitsRequest(repo=REPO, quant="Q4_K_M"))
    asked = {seen.path for seen in hub.file_requests()[before:] if seen.path.endswith(".gguf")}
    assert {path.rpartition("/")[2] for path in asked} == {"model-Q4_K_M.gguf"}
    fits = by_label(found)
    simulated = client.estimate(f"{REPO}:Q4_K_M")
    assert (fits["Q4_K_M"].estimate.source, fits["Q4_K_M"].estimate.confidence) == ("simulated", "exact")
    assert fits["Q4_K_M"].estimate.total_bytes == simulated.total_bytes
    for label in ("Q2_K", "Q6_K", "Q8_0"):
        estimate = client.estimate(f"{REPO}:{label}")
        assert fits[label].estimate.total_bytes == pytest.approx(estimate.total_bytes, rel=0.01)
        assert fits[label].estimate.verdict == estimate.verdict
        assert fits[label].estimate.parts.kv == estimate.parts.kv
    quick = client.hub_fits(FitsRequest(repo=REPO, quick=True))
    assert by_label(quick)["Q4_K_M"].estimate.total_bytes == simulated.total_bytes


def test_a_planned_computer_gets_the_answers_of_its_estimates(client):
    on = "4GB + 8GB ram"
    found = by_label(client.hub_fits(FitsRequest(repo=REPO, on=on)))
    verdicts = {}
    for label in QUANTS:
        estimate = client.estimate(f"{REPO}:{label}", on=on)
        assert found[label].estimate.total_bytes == pytest.approx(estimate.total_bytes, rel=0.01)
        assert found[label].estimate.verdict == estimate.verdict
        verdicts[label] = estimate.verdict
    assert (verdicts["Q2_K"], verdicts["F16"]) == ("fits", "fits_with")


def test_context_and_cache_type_move_all_badges(client):
    def ask(**options: Any) -> dict[str, QuantFit]:
        return by_label(client.hub_fits(FitsRequest(repo=REPO, options=options, on="5GB", quick=True)))

    client.hub_fits(FitsRequest(repo=REPO, quant="Q2_K"))
    short, long, small = ask(n_ctx=2048), ask(n_ctx=32768), ask(n_ctx=32768, cache_type_k="q8_0", cache_type_v="q8_0")
    for label in QUANTS:
        assert short[label].estimate.parts.kv * 16 == long[label].estimate.parts.kv
        assert small[label].estimate.parts.kv < 0.6 * long[label].estimate.parts.kv
    assert short["Q4_K_M"].estimate.verdict == "fits"
    assert long["Q4_K_M"].estimate.verdict == "fits_with"
    remedy = long["Q4_K_M"].estimate.remedy
    assert remedy is not None
    assert remedy.options


def test_the_best_one_and_the_reason(client):
    found = client.hub_fits(FitsRequest(repo=REPO, on="24GB"))
    assert (found.best, found.reason) == ("Q8_0", "Best quality with room for 32k context")
    small = client.hub_fits(FitsRequest(repo=REPO, on="4GB"))
    assert small.best in ("Q2_K", "Q4_K_M")
    assert by_label(small)[small.best].estimate.max_context >= 8192
    assert by_label(found)["Q8_0"].about == "near lossless"
    none = client.hub_fits(FitsRequest(repo=REPO, on="1GB + 1GB ram"))
    assert (none.best, none.reason) == ("", "")


def test_a_quant_with_missing_parts_is_never_the_best(client):
    found = client.hub_fits(FitsRequest(repo=PARTS))
    assert found.best == "Q4_K_M"
    broken = by_label(found)["Q8_0"].estimate
    assert broken.verdict == "cannot_tell"
    assert "00002-of-00002" in broken.sentence
    with pytest.raises(ModelNotFound):
        client.hub_fits(FitsRequest(repo=PARTS, quant="Q8_0"))


def test_a_broken_file_is_told_and_the_next_best_is_looked_at(client):
    found = client.hub_fits(FitsRequest(repo="owner/broken"))
    assert found.best == "Q4_K_M"
    assert "not a GGUF file" in by_label(found)["Q8_0"].estimate.sentence
    assert by_label(found)["Q4_K_M"].estimate.source == "simulated"


def test_an_mlx_model_says_that_it_cannot_run(client):
    model = client.hub_model("mlx-community/m-4bit")
    assert [(quant.label, quant.source) for quant in model.quants] == [("MLX", "mlx-community/m-4bit")]
    assert "cannot run" in model.notes[0]
    found = client.hub_fits(FitsRequest(repo="mlx-community/m-4bit"))
    assert (found.best, found.fits[0].estimate.verdict) == ("", "cannot_tell")


def test_what_cannot_be_asked_is_a_sentence(client):
    with pytest.raises(UnknownOption):
        client.hub_fits(FitsRequest(repo=REPO, options={"context_size_of_it": 5}, quick=True))
    with pytest.raises(BadRequest):
        client.hub_fits(FitsRequest(repo=REPO, on="a lot"))
    with pytest.raises(ModelNotFound):
        client.hub_fits(FitsRequest(repo="owner/nothing"))
    with pytest.raises(ModelNotFound):
        client.hub_fits(FitsRequest(repo=REPO, quant="Q9"))


def test_a_header_that_cannot_be_fetched_leaves_the_guess(client, hub):
    client.hub_model("paddock/starters")
    hub.faults.statuses = [(403, {})] * 9
    try:
        found = client.hub_fits(FitsRequest(repo="paddock/starters"))
    finally:
        hub.faults.statuses = []
    assert found.notes
    assert "Did you mean" not in " ".join(found.notes), "nobody has mistyped the name of the starter model"
    assert found.fits[0].estimate.confidence == "low"
    assert found.best == "Q4_K_M"


def test_many_questions_at_once_get_their_own_answers(client):
    def ask(number: int) -> tuple[int, RepoFits]:
        context = 1024 * (1 + number % 4)
        on = ("", "8GB")[number % 2]
        return context, client.hub_fits(FitsRequest(repo=REPO, options={"n_ctx": context}, on=on, quick=True))

    with ThreadPoolExecutor(4) as pool:
        for context, found in pool.map(ask, range(12)):
            assert {fit.estimate.context_length for fit in found.fits} == {context}


def test_what_was_fetched_is_known_again_by_the_next_host(host, client, hub, tmp_path):
    again = HostProcess(host.home.root.parent / "second", env={"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1"})
    again.ready()
    try:
        with Client.connect(again.home, start=False) as other:
            other.hub_fits(FitsRequest(repo=REPO, quant="Q6_K"))
            assert again.home.headers.exists()
            again.close()
            third = HostProcess(again.home.root, env={"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1"}).ready()
            before = len(hub.file_requests())
            with Client.connect(third.home, start=False) as last:
                found = last.hub_fits(FitsRequest(repo=REPO, quick=True))
            third.close()
            assert {fit.estimate.confidence for fit in found.fits} == {"high"}
            assert len(hub.file_requests()) == before
    finally:
        again.close()


def test_suggestions_say_whether_they_fit(client):
    found = client.suggestions()
    assert {each.fit for each in found} <= {"fits", "fits_with", "fits_if_unloaded", "does_not_fit"}
    assert found[0].fit == "fits"
    assert found[0].downloaded == ""


def test_results_carry_a_fit(client, hub):
    assert (
        client.search(HubSearchRequest(words=REPO, on="24GB")).results[0].fit == "cannot_tell"
    )  # nobody says its size
