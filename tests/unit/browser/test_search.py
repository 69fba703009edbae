"""Searching the hub, one model of it, and what is said when it cannot be asked."""

from __future__ import annotations

import pytest

from paddock.browser.hub import Hub
from paddock.browser.hub_results import badges_of, parameters_of
from paddock.browser.model_card import card_of
from paddock.browser.search import HubSearch, age_text
from paddock.browser.search_cache import SearchCache
from paddock.browser.suggestions import suggestions
from paddock.sdk.errors import AccessDenied, BadRequest, ModelNotFound, PaddockError, RemoteFailed
from paddock.sdk.hub import HubSearchRequest
from paddock.sdk.hub_words import hub_words

pytestmark = pytest.mark.anyio
BILLION = 10**9


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def search_as(hub, tmp_path, clock):
    """A search with a token, with quick retries."""

    def search_as(token: str | None = None) -> HubSearch:
        return HubSearch(lambda: Hub(hub.url, token), SearchCache(tmp_path / "cache"), clock=clock, retry_s=0.01)

    return search_as


@pytest.fixture
def search(search_as, catalogue) -> HubSearch:
    return search_as()


def ask(words: str = "", **narrowed) -> HubSearchRequest:
    return HubSearchRequest(words=words, **narrowed)


async def refused(kind: type[PaddockError], asking) -> PaddockError:
    with pytest.raises(kind) as error:
        await asking
    assert error.value.message.endswith(".")
    assert error.value.hint.endswith(".")
    return error.value


# ---------------------------------------------------------------- searching


async def test_pages_follow_each_other_without_gaps_or_doubles(search, catalogue):
    seen, cursor, pages = [], "", 0
    while pages == 0 or cursor:
        page = await search.page(ask(format="any", sort="downloads", limit=50, cursor=cursor))
        seen += page.results
        cursor, pages = page.cursor, pages + 1
    assert len({result.id for result in seen}) == len(seen) == len(catalogue.entries) > 300
    assert pages == 7
    assert [result.downloads for result in seen] == sorted((result.downloads for result in seen), reverse=True)


@pytest.mark.parametrize(
    ("request_", "right"),
    [
        (ask("qwen3 4b"), lambda r: "qwen3" in r.id.lower() and "4b" in r.id.lower()),
        (ask(author="unsloth"), lambda r: r.author == "unsloth"),
        (ask("unsloth/"), lambda r: r.author == "unsloth"),
        (ask(format="mlx"), lambda r: "mlx" in r.formats),
        (ask(), lambda r: "gguf" in r.formats),
        (ask(licence="mit"), lambda r: r.licence == "mit"),
        (ask(task="text-ranking"), lambda r: r.task == "text-ranking" and r.badges == ("rerank",)),
        (ask(gated=True), lambda r: r.gated),
        (ask(gated=False), lambda r: not r.gated),
        (ask(min_parameters=BILLION, max_parameters=8 * BILLION), lambda r: BILLION <= r.parameters <= 8 * BILLION),
        (ask(min_parameters=100 * BILLION), lambda r: r.parameters >= 100 * BILLION),
    ],
)
async def test_what_narrows_a_search(search, request_, right):
    page = await search.page(request_)
    assert page.results
    assert [result.id for result in page.results if not right(result)] == []
    assert not page.stale


async def test_languages_narrow_too(search, catalogue):
    found = (await search.page(ask(language="fr", limit=100))).results
    assert found
    assert all("fr" in catalogue.entries[result.id].facts["tags"] for result in found)


@pytest.mark.parametrize(
    ("sort", "key"), [("likes", "likes"), ("updated", "lastModified"), ("trending", "trendingScore")]
)
async def test_the_order(search, catalogue, sort, key):
    found = [catalogue.entries[r.id].facts[key] for r in (await search.page(ask(sort=sort))).results]
    assert found == sorted(found, reverse=True)


async def test_a_result_tells_what_the_hub_knows(search, catalogue):
    (found,) = (await search.page(ask("Qwen/Qwen3-30B-A3B-GGUF"))).results
    facts = catalogue.entries[found.id].facts
    assert (found.author, found.name) == ("Qwen", "Qwen3-30B-A3B-GGUF")
    assert (found.downloads, found.likes) == (facts["downloads"], facts["likes"])
    assert (found.licence, found.architecture, found.context_length) == ("apache-2.0", "qwen3", 40960)
    assert found.parameters == 30 * BILLION
    assert found.badges == ("tools", "reasoning")
    assert "en" in found.languages


async def test_a_page_of_the_hub_is_a_search_for_its_repository(search, hub):
    page = await search.page(ask("https://huggingface.co/Qwen/Qwen3-8B-GGUF/tree/main"))
    assert page.hub == (await search.page(ask())).hub == hub.url, "people are led to the hub that was asked"
    assert ([result.id for result in page.results], page.named) == (["Qwen/Qwen3-8B-GGUF"], "Qwen/Qwen3-8B-GGUF")
    page = await search.page(ask("ollama run hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M", badge="vision"))
    assert page.named == "Qwen/Qwen3-8B-GGUF:Q4_K_M", "whoever names one wants to see it"
    error = await refused(ModelNotFound, search.page(ask("https://huggingface.co/owner/nothing")))
    assert "owner/nothing" in error.message
    assert (await search.page(ask("owner/nothing"))).results == ()
    begun = await search.page(ask("Qwen/qwen3-8b"))
    assert "Qwen/Qwen3-8B-GGUF" in [result.id for result in begun.results]
    assert begun.named == ""


async def test_pages_of_the_hub_that_hold_several_models(search):
    found = (await search.page(ask("https://huggingface.co/unsloth"))).results
    assert found
    assert {result.author for result in found} == {"unsloth"}
    found = (await search.page(ask("https://huggingface.co/models?search=qwen3+8b&sort=trending"))).results
    assert found
    assert all("qwen3" in result.id.lower() and "8b" in result.id.lower() for result in found)
    await refused(BadRequest, search.page(ask("https://huggingface.co/datasets/owner/data")))


async def test_the_name_of_a_file_finds_its_repository_and_says_so(search):
    page = await search.page(ask("Qwen2.5-Coder-7B-Instruct-UD-Q4_K_M-00001-of-00002.gguf"))
    assert page.results
    assert all("Qwen2.5-Coder-7B-Instruct" in result.id for result in page.results)
    assert page.notes == (
        "Nothing is called “Qwen2.5-Coder-7B-Instruct-UD-Q4_K_M-00001-of-00002.gguf”. "
        "These match “Qwen2.5-Coder-7B-Instruct”.",
    )
    assert (await search.page(ask("nothing such Q4_K_M"))).notes == ()


async def test_what_the_hub_describes_oddly_is_left_out_and_said(search_as, hub, hub_catalogue):
    made = hub_catalogue.entries()
    names = [name for name in made if "phi-4-GGUF" in name]
    made[names[0]].facts["downloads"] = "many"
    made[names[1]].facts["gguf"] = {"total": "huge", "context_length": None, "chat_template": 5}
    hub_catalogue.Catalogue(hub, made)
    page = await search_as().page(ask("phi-4-GGUF", sort="likes"))
    assert names[0] not in {result.id for result in page.results}
    assert names[1] in {result.id for result in page.results}
    assert any(names[0] in note for note in page.notes)


async def test_other_answers_than_a_list_are_a_sentence(search_as, hub):
    hub.answer = lambda path, query, authorization: (200, {}, b"<html>captive portal</html>")
    await refused(RemoteFailed, search_as().page(ask("x")))
    await refused(RemoteFailed, search_as().model("owner/repo"))


# ---------------------------------------------------------------- one model


async def test_a_model_has_its_card_and_its_quants(search, catalogue):
    model = await search.model("Qwen/Qwen2.5-VL-7B-Instruct-GGUF")
    assert model.card.startswith("# Qwen2.5-VL-7B-Instruct-GGUF\n")
    assert "license:" not in model.card
    assert "![A picture](https://example.org/tracker.png)" in model.card
    labels = [quant.label for quant in model.quants]
    assert labels == ["Q2_K", "Q3_K_M", "IQ4_XS", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16"]
    assert model.quants[3].source == "Qwen/Qwen2.5-VL-7B-Instruct-GGUF:Q4_K_M"
    assert all(len(file.sha256) == 64 for quant in model.quants for file in quant.files)
    assert [file.path for file in model.projectors] == ["mmproj-Qwen2.5-VL-7B-Instruct-F16.gguf"]
    assert {file.path for file in model.other_files} == {"README.md", ".gitattributes"}
    assert model.result.badges == ("tools", "vision")
    assert (model.obstacle, model.notes) == ("", ())
    assert not [asked for asked in catalogue.asked if "tracker" in asked]


async def test_shards_are_one_quant_and_a_lost_one_is_named(search, catalogue):
    repo = "bartowski/Llama-3.1-405B-Instruct-GGUF"
    files = catalogue.entries[repo].files
    del files["Q8_0/Llama-3.1-405B-Instruct-Q8_0-00002-of-00010.gguf"]
    quants = {quant.label: quant for quant in (await search.model(repo)).quants}
    assert len(quants["Q4_K_M"].files) == 6
    assert quants["Q4_K_M"].size_bytes == sum(size for path, size in files.items() if path.startswith("Q4_K_M/"))
    assert quants["Q4_K_M"].missing == ()
    assert quants["Q8_0"].missing == ("Q8_0/Llama-3.1-405B-Instruct-Q8_0-00002-of-00010.gguf",)


async def test_a_gated_model_says_the_way_in(search_as, hub, catalogue):
    repo = "google/gemma-3-4b-it-GGUF"
    without = await search_as().model(repo)
    assert without.result.gated == "manual"
    assert f"{hub.url}/{repo}" in without.obstacle
    assert "paddock login" in without.obstacle
    assert "the account of your token" in (await search_as("hf_right").model(repo)).obstacle
    catalogue.accounts["hf_right"].granted.add(repo)
    assert (await search_as("hf_right").model(repo)).obstacle == ""


async def test_a_mirror_may_lie_below_a_path(hub, catalogue, tmp_path, monkeypatch):
    known = hub.answer
    monkeypatch.setattr(hub, "answer", lambda path, *rest: known(path.removeprefix("/mirrors/hf"), *rest))
    mirror = f"{hub.url}/mirrors/hf"
    search = HubSearch(lambda: Hub(mirror), SearchCache(tmp_path / "cache"))
    page = await search.page(ask(f"{mirror}/google/gemma-3-4b-it-GGUF/tree/main"))
    assert page.named == "google/gemma-3-4b-it-GGUF"
    assert f"Ask for access at {mirror}/{page.named}," in (await search.model(page.named)).obstacle


async def test_a_revoked_token_is_named(search_as, catalogue):
    search = search_as("hf_right")
    assert (await search.page(ask("qwen"))).results
    del catalogue.accounts["hf_right"]
    for asking in (
        search.page(ask("qwen")),
        search.model("Qwen/Qwen3-4B-GGUF"),
        search.page(ask("Qwen/Qwen3-4B-GGUF")),
    ):
        error = await refused(AccessDenied, asking)
        assert "revoked" in error.message
        assert "paddock login" in error.hint
        assert "hf_right" not in error.sentence()


async def test_names_that_are_none(search):
    for name in ("nothing", "https://example.org/x/y", "a/b/c", ""):
        await refused(BadRequest, search.model(name))


# ---------------------------------------------------------------- when it cannot be asked


async def test_the_last_answers_are_kept_and_told_as_old(search, hub, catalogue, clock):
    first = await search.page(ask("qwen"))
    model = await search.model("Qwen/Qwen3-4B-GGUF")
    clock.now += 3 * 3600
    catalogue.statuses = [(503, {})] * 99
    page = await search.page(ask("qwen"))
    assert page.stale
    assert page.results == first.results
    assert page.fetched == first.fetched
    assert "3 hours ago" in page.notes[0]
    old = await search.model("Qwen/Qwen3-4B-GGUF")
    assert (old.stale, old.card, old.quants) == (True, model.card, model.quants)
    await refused(RemoteFailed, search.page(ask("something else")))


async def test_a_hub_that_is_gone_and_a_computer_that_is_offline(search, catalogue, tmp_path, clock, monkeypatch):
    await search.page(ask("qwen"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in (await search.page(ask("qwen"))).notes[0]
    monkeypatch.undo()
    gone = HubSearch(lambda: Hub("http://127.0.0.1:9"), SearchCache(tmp_path / "cache"), clock=clock, retry_s=0.01)
    await refused(RemoteFailed, gone.page(ask("qwen")))


async def test_failures_in_passing_are_tried_again_and_told(search, catalogue):
    catalogue.statuses = [(429, {"Retry-After": "0"}), (502, {})]
    page = await search.page(ask("qwen"))
    assert page.results
    assert not page.stale
    assert ["429" in page.notes[0], "502" in page.notes[1]] == [True, True]
    assert len(catalogue.asked) == 3


async def test_a_hub_that_wants_to_be_left_alone_is(search, catalogue):
    catalogue.statuses = [(429, {"RateLimit": '"api";r=0;t=600'})]
    error = await refused(RemoteFailed, search.page(ask("qwen")))
    assert error.hint == "Try again in 10 minutes."
    assert len(catalogue.asked) == 1


async def test_the_cache_keeps_the_newest_and_survives_damage(search, tmp_path, catalogue):
    for number in range(70):
        SearchCache(tmp_path / "cache").put(str(number), ask(str(number)))
    await search.page(ask("qwen"))
    kept = list((tmp_path / "cache").iterdir())
    assert len(kept) == 64
    for path in kept:
        path.write_bytes(b"{")
    catalogue.statuses = [(503, {})] * 3
    await refused(RemoteFailed, search.page(ask("qwen")))


# ---------------------------------------------------------------- small parts


@pytest.mark.parametrize(
    ("name", "gguf", "safetensors", "count"),
    [
        ("Qwen3-30B-A3B-GGUF", None, None, 30 * BILLION),
        ("Mixtral-8x7B-v0.1", 46_700_000_000, None, 46_700_000_000),
        ("Mixtral-8x7B-v0.1", None, None, 56 * BILLION),
        ("SmolLM2-135M", None, None, 135_000_000),
        ("gemma-3-4b-it-4bit", None, 700_000_000, 4 * BILLION),
        ("gemma-3-27b-it", 400_000_000, None, 27 * BILLION),
        ("gemma-3n-E4B-it", 6_900_000_000, None, 6_900_000_000),
        ("phi-4", None, 14_700_000_000, 14_700_000_000),
        ("Qwen2.5-1.5B_Q8", "huge", None, 1_500_000_000),
        ("model-8bit", None, None, None),
        ("model", True, None, None),
    ],
)
def test_how_many_parameters(name, gguf, safetensors, count):
    assert parameters_of(name, gguf, safetensors) == count


@pytest.mark.parametrize(
    ("tags", "pipeline", "template", "paths", "badges"),
    [
        ([], "", "{% if tools %}", [], ("tools",)),
        ([], "", "{{ stools }}", [], ()),
        (["Function-Calling"], "", "", [], ("tools",)),
        ([], "", "<think>", [], ("reasoning",)),
        ([], "image-text-to-text", "", [], ("vision",)),
        ([], "", "", ["sub/mmproj-x.gguf"], ("vision",)),
        (["sentence-transformers"], "text-ranking", "", [], ("rerank",)),
        ([], "feature-extraction", "", [], ("embedding",)),
    ],
)
def test_badges(tags, pipeline, template, paths, badges):
    assert badges_of(tags, pipeline, template, paths) == badges


@pytest.mark.parametrize(
    ("readme", "card"),
    [
        (b"---\nlicense: mit\n---\n# Title\n", "# Title"),
        ("\ufeff---\r\nlicense: mit\r\n---\r\n\r\n# Title\r\ntext".encode(), "# Title\ntext"),
        (b"# Title\n\n---\n\nbelow a line\n\n---\n", "# Title\n\n---\n\nbelow a line\n\n---"),
        (b"---\nnever ends", "---\nnever ends"),
        (b"a <!-- hidden\n --> b \xff", "a  b \ufffd"),
        (b"", ""),
    ],
)
def test_cards_without_what_goes_before_them(readme, card):
    assert card_of(readme) == card


def test_ages():
    assert [age_text(s) for s in (0.2, 59, 60, 7199, 90_000, 200_000)] == [
        "1 s", "59 s", "1 minute", "1 hour", "1 day", "2 days",
    ]  # fmt: skip


def test_suggestions_are_whole_and_in_order():
    listed = suggestions()
    assert len(listed) >= 8
    assert [each.size_bytes for each in listed] == sorted(each.size_bytes for each in listed)
    for each in listed:
        assert hub_words(each.source).model == each.source
        assert hub_words(each.source).quant
        assert each.reason.endswith(".")
        assert 0.4 < each.size_bytes / each.parameters < 1.2
    assert len({each.source for each in listed}) == len(listed)


def test_the_catalogue_speaks_as_the_official_client_expects(hub, catalogue):
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    ids = [info.id for info in api.list_models(search="phi-4", filter="gguf", num_parameters="min:6B", sort="likes")]
    assert len(ids) == 5
    info = api.model_info(ids[0], expand=["gguf", "downloads"])
    assert info.gguf is not None
    assert info.tags is None
    tree = {entry.path: entry for entry in api.list_repo_tree(ids[0], recursive=True)}
    assert tree["phi-4-Q4_K_M.gguf"].lfs.sha256 == next(
        file.lfs.sha256
        for file in api.model_info(ids[0], files_metadata=True).siblings
        if file.rfilename == "phi-4-Q4_K_M.gguf"
    )
    assert HfApi(endpoint=hub.url, token="hf_right").whoami()["name"] == "tester"
