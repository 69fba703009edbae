"""The draft model guesses what it would write itself, catches up with the answer, and refuses foreign vocabularies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paddock.backends.llamacpp.bindings import DECODED, Context, Model, library
from paddock.backends.llamacpp.draft_model import CATCH_UP, DraftModel
from paddock.backends.llamacpp.loading import effective_options, load_model, make_context, with_threads
from paddock.sdk.errors import InvalidOption
from paddock.sdk.types import Options

OPTIONS: Options = with_threads(effective_options({"n_parallel": 2}), 1, 1)


def loaded(path: Path) -> Model:
    return load_model(library(), str(path), effective_options({}), lambda fraction: None)


@pytest.fixture(scope="module")
def main(starter: Path) -> Iterator[Model]:
    model = loaded(starter)
    yield model
    model.close()


@pytest.fixture(scope="module")
def context(main: Model) -> Iterator[Context]:
    made = make_context(main, OPTIONS | {"n_ctx": 512})
    yield made
    made.close()


@pytest.fixture
def make(starter: Path, main: Model) -> Iterator[Callable[..., DraftModel]]:
    made: list[DraftModel] = []

    def draft(cells: int = 512, path: Path = starter, large: Model = main) -> DraftModel:
        one = DraftModel(library(), str(path), OPTIONS, large, cells=cells, progress=lambda fraction: None)
        made.append(one)
        return one

    yield draft
    for one in made:
        one.close()


def written(context: Context, prompt: list[int], count: int) -> list[int]:
    """What the main model writes greedily."""
    tokens = list(prompt)
    context.remove(0, 0)
    new = prompt
    for _ in range(count):
        start = len(tokens) - len(new)
        rows = [(token, start + at, 0, at == len(new) - 1) for at, token in enumerate(new)]
        assert context.decode(rows) == DECODED
        new = [int(context.logits(len(new) - 1).argmax())]
        tokens += new
    return tokens


def evaluated(draft: DraftModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each decode call from now on."""
    rows: list[int] = []
    decode = draft._context.decode

    def counted(batch: Any) -> int:
        rows.append(len(batch))
        return decode(batch)

    monkeypatch.setattr(draft._context, "decode", counted)
    return rows


def test_drafting_for_itself_is_accepted_throughout(make, main, context, monkeypatch):
    prompt = main.tokenize("Once upon a time", add_special=True)
    answer = written(context, prompt, 40)
    draft = make()
    rows = evaluated(draft, monkeypatch)
    drafted = accepted = 0
    length = len(prompt)
    while length < len(answer) - 5:
        guesses = draft.propose("a", answer[:length], 4, p_min=0.0)
        right = next((at for at, guess in enumerate(guesses) if guess != answer[length + at]), len(guesses))
        drafted, accepted, length = drafted + len(guesses), accepted + right, length + right + 1
    assert drafted > 20
    assert accepted / drafted > 0.95
    assert max(rows[1:]) <= 2


def test_a_wrong_guess_is_cut_and_the_rest_not_read_again(make, main, context, monkeypatch):
    prompt = main.tokenize("The capital of France is a city that", add_special=True)
    draft = make()
    first = draft.propose("a", prompt, 4, p_min=0.0)
    other = prompt + main.tokenize(" small river", add_special=False)[:2]
    assert other[len(prompt)] != first[0]
    rows = evaluated(draft, monkeypatch)
    continued = draft.propose("a", other, 3, p_min=0.0)
    assert rows == [2] + [1] * (len(continued) - 1)
    assert len(continued) > 1
    assert continued == make().propose("b", other, 3, p_min=0.0)
    assert continued == written(context, other, len(continued))[len(other) :]


def test_an_improbable_guess_ends_the_draft(make, main):
    prompt = main.tokenize("The capital of France is a city that", add_special=True)
    draft = make()
    all_of_them = draft.propose("a", prompt, 8, p_min=0.0)
    likely = draft.propose("a", prompt, 8, p_min=0.6)
    assert 0 < len(likely) < len(all_of_them)
    assert likely == all_of_them[: len(likely)]
    assert draft.propose("a", prompt, 8, p_min=1.01) == []
    assert draft.propose("a", prompt, 0) == []


def test_more_answers_than_places_take_turns_and_a_follow_up_finds_its_conversation(make, main, monkeypatch):
    prompts = [main.tokenize(f"{word} is a word and so on", add_special=True) for word in ("One", "Two", "Three")]
    draft = make()
    alone = [make().propose("x", prompt, 3, p_min=0.0) for prompt in prompts]
    for _ in range(2):
        for key, prompt in enumerate(prompts):
            assert draft.propose(str(key), prompt, 3, p_min=0.0) == alone[key]
    draft.forget("2")
    rows = evaluated(draft, monkeypatch)
    draft.propose("later", [*prompts[2], *alone[2]], 1, p_min=0.0)
    assert rows == [1]


def test_a_long_prompt_is_read_in_pieces_and_a_full_context_gives_up_the_oldest(make, main):
    long = [1, *(10 + at % 50 for at in range(2 * CATCH_UP))]
    draft = make(cells=768)
    assert draft.propose("a", long, 2, p_min=0.0) == []
    assert draft.propose("a", long, 2, p_min=0.0) == []
    assert len(draft.propose("a", long, 2, p_min=0.0)) == 2
    for _ in range(2):
        draft.propose("b", long[1:], 2, p_min=0.0)
    assert len(draft.propose("b", long[1:], 2, p_min=0.0)) == 2
    assert draft.propose("a", long * 2, 2) == []


def test_a_foreign_vocabulary_is_refused_by_both_names(make, main, tiny, starter):
    with pytest.raises(InvalidOption, match=r"tiny\.gguf cannot draft for") as refused:
        make(path=tiny)
    assert refused.value.details["option"] == "draft_model"
    assert (main.metadata("general.name") or main.architecture) in refused.value.message


def test_a_recurrent_draft_model_is_refused(make, monkeypatch):
    monkeypatch.setattr("paddock.backends.llamacpp.draft_model.load_model", _recurrent)
    with pytest.raises(InvalidOption, match="taken back"):
        make()


def _recurrent(lib: Any, path: str, options: Options, progress: Any, **how: bool) -> Model:
    model = load_model(lib, path, options, progress, **how)
    model.recurrent = True
    return model
