"""The hub through the control API and the command line, with a real host, a local hub and a keyring of the test."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from module_files import load_file
from server_harness import HostProcess

from paddock.sdk.cli.app import run
from paddock.sdk.cli.search import parameter_range
from paddock.sdk.client import Client
from paddock.sdk.errors import AccessDenied, PaddockError
from paddock.sdk.hub import HubSearchRequest

TESTS = Path(__file__).parents[2]
TOKEN = "hf_right"
GATED = "google/gemma-3-4b-it-GGUF"


@pytest.fixture(scope="module")
def catalogue() -> Iterator[Any]:
    tools = load_file("hub_catalogue.py")
    writer = load_file("unit/browser/gguf_file.py")
    with tools.local_hub().LocalHub() as hub:
        made = tools.Catalogue(hub)
        made.url = hub.url
        tiny = writer.Writer().file(writer.llama_metadata(), writer.llama_tensors())
        hub.add("owner/tiny-GGUF", {"tiny-F32.gguf": tiny, "tiny-Q8_0.gguf": b"no GGUF"})
        yield made


@pytest.fixture(scope="module")
def searching(catalogue: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """A host that asks the catalogue."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "home").mkdir()
    env = {
        "HF_ENDPOINT": catalogue.url,
        "HF_HOME": str(folder / "hf"),
        "HF_TOKEN": "",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": str(TESTS),
        "PYTHON_KEYRING_BACKEND": "file_keyring.Keyring",
        "FILE_KEYRING": str(folder / "keyring.json"),
    }
    host = HostProcess(folder / "home", env=env).ready()
    yield host
    host.close()


@pytest.fixture
def client(searching: HostProcess) -> Iterator[Client]:
    with Client.connect(searching.home, start=False) as made:
        yield made
        made.hub_logout()


@pytest.fixture
def command(searching: HostProcess, client: Client, monkeypatch, capsys):
    """Runs a command in this process, which is quicker; its exit code, output and errors."""
    monkeypatch.setenv("PADDOCK_HOME", str(searching.home.root))

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def holding(token: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]


# ---------------------------------------------------------------- control API and SDK


def test_searching_and_looking_at_one(client):
    page = client.search(HubSearchRequest(words="qwen3", sort="downloads", limit=5))
    assert len(page.results) == 5
    following = client.search(HubSearchRequest(words="qwen3", sort="downloads", limit=5, cursor=page.cursor))
    assert not {result.id for result in page.results} & {result.id for result in following.results}
    assert client.search("phi-4").results
    model = client.hub_model("Qwen/Qwen3-8B-GGUF:Q4_K_M")
    assert model.quants[0].source == "Qwen/Qwen3-8B-GGUF:Q2_K"
    assert client.suggestions()[0].reason


def test_bad_questions_are_sentences(searching):
    for body in ({"words": 5}, {"limit": 0}, {"sort": "best"}, {"wordz": "x"}):
        answer = searching.http.post("/control/hub/search", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "bad_request"
    assert searching.http.get("/control/hub/model").status_code == 400
    assert searching.http.get("/control/hub/model?repo=owner/nothing").status_code == 404


def test_the_token_opens_gated_models_and_is_only_in_the_keyring(client, searching, catalogue):
    """Acceptance 4: everything that is written is searched for it."""
    catalogue.accounts[TOKEN].granted.add(GATED)
    assert "paddock login" in client.hub_model(GATED).obstacle
    with pytest.raises(AccessDenied) as error:
        client.hub_login("hf_wrong")
    account = client.hub_login(TOKEN)
    assert (account.name, account.source) == ("tester", "keyring")
    assert client.hub_model(GATED).obstacle == ""
    client.search("gemma")
    said = [error.value.sentence()]
    kept = catalogue.accounts.pop(TOKEN)
    for ask in (lambda: client.search("llama"), lambda: client.hub_model(GATED), lambda: client.estimate(GATED)):
        with pytest.raises(PaddockError) as error:
            ask()
        said.append(error.value.sentence())
    catalogue.accounts[TOKEN] = kept
    assert all("revoked" in sentence and "paddock login" in sentence for sentence in said)
    assert not [sentence for sentence in said if TOKEN in sentence or "hf_wrong" in sentence]
    root = searching.home.root
    assert holding(TOKEN, root.parent) == [root.parent / "keyring.json"]
    assert holding("hf_wrong", root.parent) == []
    assert TOKEN not in "".join(client.logs(5000).lines)
    assert client.hub_logout().source == "none"
    assert holding(TOKEN, root.parent) == []


def test_logging_out_forgets_what_only_the_account_may_see(client, searching):
    client.hub_login(TOKEN)
    client.search("gemma")
    assert list(searching.home.hub.iterdir())
    client.hub_logout()
    assert list(searching.home.hub.iterdir()) == []


def test_the_host_loads_nothing_of_the_hub_before_it_is_asked(tmp_path):
    code = (
        "import sys, atexit; from paddock.server.__main__ import main\n"
        "heavy = {'huggingface_hub', 'keyring'}\n"
        "atexit.register(lambda: print('loaded', sorted(heavy & set(sys.modules))))\n"
        "main(['--foreground'])"
    )
    host = HostProcess(tmp_path, code=code).ready()
    host.get("/control/models")
    host.end()
    lines = []
    while (line := host.line()) is not None:
        lines.append(line)
    host.close()
    assert "loaded []" in lines


# ---------------------------------------------------------------- the command


def test_a_table_of_what_was_found(command):
    code, out, err = command("search", "qwen3", "8b", "--author", "unsloth")
    assert code == 0, err
    columns = ["Id", "Parameters", "Downloads", "Likes", "Licence", "Updated", "Fit", "Badges"]
    assert out.splitlines()[0].split() == columns
    assert "unsloth/Qwen3-8B-GGUF" in out
    assert "tools, reasoning" in out


def test_more_than_a_page(command):
    code, out, err = command("search", "--json", "--limit", "150", "--sort", "likes")
    assert code == 0, err
    found = json.loads(out)["results"]
    assert len({result["id"] for result in found}) == 150


def test_only_what_fits_and_can_do_something(command):
    wanted = ("search", "llama", "--fits", "--on", "24GB", "--badge", "tools", "--limit", "500")
    code, out, err = command(*wanted, "--json")
    assert code == 0, err
    found = json.loads(out)["results"]
    assert found
    assert all("tools" in result["badges"] and result["fit"] in ("fits", "fits_with") for result in found)
    assert not any("405B" in result["id"] for result in found)
    assert "do not fit 24GB and are left out" in err
    code, out, err = command("search", "Llama-3.1-405B", "--on", "24GB")
    assert "too large" in out


def test_the_files_of_a_repository(command):
    code, out, err = command("search", GATED)
    assert code == 0, err
    assert f"{GATED}:Q4_K_M" in out
    assert "mmproj" in out
    assert "paddock login" in err
    assert json.loads(command("search", GATED, "--json")[1])["quants"]


def test_whether_each_file_fits(command):
    code, out, err = command("search", "owner/tiny-GGUF", "--fit")
    assert code == 0, err
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("owner/tiny-GGUF:")}
    assert "fits: " in lines["owner/tiny-GGUF:F32"]
    assert "GGUF" in lines["owner/tiny-GGUF:Q8_0"].partition("GGUF:Q8_0")[2]
    assert "F32 suits best: Best quality with room for 4k context." in out
    found = json.loads(command("search", "owner/tiny-GGUF", "--fit", "--json", "--on", "24GB")[1])
    assert found["fit"]["owner/tiny-GGUF:F32"].startswith("fits")
    assert found["best"] == "F32"


def test_suggestions(command):
    code, out, err = command("search", "--suggested")
    assert code == 0, err
    assert "Qwen/Qwen3-8B-GGUF:Q4_K_M" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("search", "owner/nothing"), 1, "owner/nothing"),
        (("search", "https://example.org/a/b"), 1, "OWNER/REPO"),
        (("search", "--params", "big"), 2, "1-8B"),
        (("search", "qwen", "--fit"), 2, "OWNER/REPO"),
        (("search", "zzzz"), 0, "Nothing was found"),
    ],
)
def test_what_goes_wrong_is_a_sentence(command, arguments, code, says):
    found, out, err = command(*arguments)
    assert (found, out) == (code, "")
    assert says in err


def test_login_takes_the_token_from_a_pipe_and_shows_nothing_of_it(command):
    code, out, err = command("login", stdin=f"{TOKEN}\n")
    assert (code, out) == (0, "")
    assert "as tester" in err
    assert TOKEN not in err
    code, _, err = command("login", stdin="hf_wrong\n")
    assert code == 1
    assert "does not accept the token" in err
    code, _, err = command("logout")
    assert code == 0
    assert "No token is used." in err


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("", (None, None)),
        ("1-8B", (10**9, 8 * 10**9)),
        ("500M-1.5B", (500_000_000, 1_500_000_000)),
        ("-4B", (None, 4 * 10**9)),
        ("30b-", (30 * 10**9, None)),
        ("8B", (6_800_000_000, 9_200_000_000)),
    ],
)
def test_ranges_of_parameters(text, bounds):
    assert parameter_range(text) == bounds
