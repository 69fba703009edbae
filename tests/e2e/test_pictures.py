"""A picture on its way to a model with vision: through the official OpenAI client, and the command line."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest
from module_files import load_file

from paddock.sdk import BadRequest
from paddock.sdk.compare import AskPanes
from paddock.sdk.host import ServerRequest
from paddock.sdk.pictures import picture_of
from paddock.sdk.types import NewChat, Pane

MODEL = "test/tiny-vl"
TOKENS = 16
"""What the projector makes of every picture."""
Png = Callable[..., bytes]


@pytest.fixture(scope="module")
def seeing(shared):
    """A program with a model that sees, its projector beside it."""
    gguf_file = load_file("unit/browser/gguf_file.py")
    projectors = load_file("unit/backends/llamacpp/architectures/projectors.py")
    folder = shared.home.models / "test" / "tiny-vl"
    folder.mkdir(parents=True)
    gguf_file.write_llama(folder / "tiny-vl.gguf")
    projectors.write_projector(gguf_file, "mlp", folder / "mmproj-tiny-vl.gguf")
    with shared.client() as client:
        client.refresh_models()
        assert "vision" in next(model for model in client.models() if model.id == MODEL).capabilities
    return shared


@pytest.fixture(scope="module")
def api(seeing) -> Iterator[openai.OpenAI]:
    with seeing.client() as client:
        port = client.set_server(ServerRequest(running=True, port=0)).port
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused", max_retries=0) as made:
            yield made


def asked(text: str, url: str) -> list[dict[str, object]]:
    image = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    return [{"role": "user", "content": [{"type": "text", "text": text}, image]}]


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_the_official_client_sends_pictures(api, noise_png: Png):
    url = data_url(noise_png(40, 30))
    plain = api.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "the cab"}], max_tokens=4)
    first = api.chat.completions.create(model=MODEL, messages=asked("the cab", url), max_tokens=4)
    folded = url.replace("base64,", "base64,\n")
    again = api.chat.completions.create(model=MODEL, messages=asked("the cab", folded), max_tokens=4)
    assert first.usage.prompt_tokens >= plain.usage.prompt_tokens + TOKENS
    assert again.usage.prompt_tokens_details.cached_tokens == first.usage.prompt_tokens - 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://example.org/cat.png", "fetches no pictures"),
        ("data:image/png;base64,%%%", "base64 is damaged"),
        ("data:image/png,abc", "not in base64"),
        (data_url(b"no picture"), "no picture that Paddock knows"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_place(api, url: str, said: str):
    with pytest.raises(openai.BadRequestError) as refused:
        api.chat.completions.create(model=MODEL, messages=asked("the cab", url), max_tokens=2)
    assert said in refused.value.message
    assert "messages[0].content[1]" in str(refused.value.body)


def test_a_model_without_vision_says_so(api, noise_png: Png):
    with pytest.raises(openai.BadRequestError, match="cannot see pictures"):
        api.chat.completions.create(
            model="paddock/starter", messages=asked("the cab", data_url(noise_png(9, 9))), max_tokens=2
        )


def test_the_command_line_and_the_client_take_files(seeing, noise_png: Png, tmp_path: Path):
    picture = tmp_path / "cab.png"
    picture.write_bytes(noise_png(40, 30))
    done = seeing.run("chat", "-m", MODEL, "--image", str(picture), "--max-tokens", "3", "--json", "the cab")
    assert done.returncode == 0, done.stderr
    with seeing.client() as client:
        seen = client.respond("the cab", model=MODEL, images=[picture], max_tokens=3)
        assert seen.usage.prompt_tokens > TOKENS
        with pytest.raises(BadRequest, match="no picture"):
            client.respond("the cab", model=MODEL, images=[b"not one"])


def test_models_that_see_are_compared_and_the_others_say_why_not(seeing, noise_png: Png, tmp_path: Path):
    data = noise_png(40, 30)
    with seeing.client() as client:
        chat = client.create_chat(NewChat()).summary.id
        client.set_panes(chat, [Pane(model=MODEL, max_tokens=3), Pane(model="paddock/starter")])
        for begun in client.ask_panes(chat, AskPanes(content="the cab", pictures=(picture_of(data),))):
            list(client.attach(begun.id))
        seen, unseen = (path[-1] for path in client.chat(chat).paths.values())
        assert seen.usage is not None
        assert seen.usage.prompt_tokens > TOKENS
        assert (unseen.state, (unseen.error or {})["code"]) == ("failed", "no_vision")
        assert "paddock/starter" not in {loaded.model for loaded in client.loaded()}, "not loaded in vain"
    (tmp_path / "cab.png").write_bytes(data)
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "the cab", "images": ["cab.png"]}\n')
    panes = ("--pane", f"{MODEL},max_tokens=3", "--pane", "paddock/starter,max_tokens=3")
    done = seeing.run("compare", str(prompts), *panes, "--json")
    lines = {line["pane"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines[MODEL]["stats"]["prompt_tokens"] > TOKENS
    assert lines["paddock/starter"]["error"]["code"] == "no_vision"
    alone = seeing.run("compare", str(prompts), *panes[2:])
    assert alone.returncode == 1
    assert "None of these models can see pictures." in alone.stderr
