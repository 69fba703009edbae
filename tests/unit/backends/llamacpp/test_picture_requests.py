"""Requests with pictures, through the whole engine: a tiny model whose projector makes 16 tokens of every picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from module_files import load_file

from paddock.backends.llamacpp import decoding
from paddock.backends.llamacpp.bindings import Model, library
from paddock.backends.llamacpp.illustrating import Illustrator
from paddock.backends.llamacpp.loading import effective_options, load_model
from paddock.backends.llamacpp.picture_encoder import PictureEncoder, PictureRun
from paddock.backends.llamacpp.projector import Chunk, Projector
from paddock.sdk.errors import EngineError
from paddock.sdk.events import PromptProgress, Queued, TextDelta
from paddock.sdk.pictures import Picture, picture_of
from paddock.sdk.questions import Candidates, CandidatesRequest, ContextRequest, ContextUse, Question
from paddock.sdk.types import Message

from .architectures.models import write_model

TOKENS = 16
DEADLINE = 120.0
Png = Callable[..., bytes]


@pytest.fixture(scope="module")
def projector_file(gguf_file: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    projectors = load_file("unit/backends/llamacpp/architectures/projectors.py")
    path: Path = projectors.write_projector(gguf_file, "mlp", tmp_path_factory.mktemp("projectors") / "mmproj.gguf")
    return path


@pytest.fixture(scope="module")
def seeing(tiny: Path, projector_file: Path, request: pytest.FixtureRequest) -> Iterator[object]:
    driver = request.getfixturevalue("driver_class")()
    driver.load(tiny, mmproj=str(projector_file), n_ctx=512, n_parallel=2)
    yield driver
    driver.engine.close()


def asked(text: str, *pictures: bytes) -> Message:
    return Message(role="user", content=text, pictures=tuple(picture_of(data) for data in pictures))


def test_a_picture_is_part_of_the_prompt_and_its_tokens_are_counted(seeing, noise_png: Png) -> None:
    plain = seeing.greedy(asked("the cab"), max_tokens=12)
    with_one = seeing.greedy(asked("the cab", noise_png(40, 30)), max_tokens=12)
    assert with_one.finished.usage.prompt_tokens >= plain.finished.usage.prompt_tokens + TOKENS
    told = [event.done for event in with_one.events if isinstance(event, PromptProgress)]
    assert told == sorted(told)
    assert told[-1] == with_one.finished.usage.prompt_tokens


@pytest.mark.parametrize("at", [0, 12], ids=["before the words", "behind them"])
def test_a_second_turn_reads_only_what_is_new(seeing, noise_png: Png, at: int) -> None:
    picture = picture_of(noise_png(50, 20, 7 + at), at=at)
    question = Message(role="user", content="what the cab", pictures=(picture,))
    first = seeing.greedy(question, max_tokens=6)
    answer = Message(role="assistant", content=first.text_when_finished)
    second = seeing.greedy(question, answer, asked("and the bed"), max_tokens=2)
    known = first.finished.usage
    assert second.finished.usage.cached_tokens >= known.prompt_tokens + known.completion_tokens - 2


def test_another_picture_of_the_same_size_is_read(seeing, noise_png: Png) -> None:
    seeing.greedy(asked("the same words", noise_png(30, 30, 1)), max_tokens=2).text_when_finished  # noqa: B018
    other = seeing.greedy(asked("the same words", noise_png(30, 30, 2)), max_tokens=2)
    usage = other.finished.usage
    assert usage.cached_tokens < usage.prompt_tokens - TOKENS


def test_pictures_stand_where_their_message_says(seeing, noise_png: Png) -> None:
    picture = noise_png(20, 20, 3)
    behind = Message(role="user", content="the cab", pictures=(picture_of(picture, at=3),))
    before = seeing.greedy(asked("the cab", picture), max_tokens=8)
    between = seeing.greedy(behind, max_tokens=8)
    assert between.finished.usage.prompt_tokens >= before.finished.usage.prompt_tokens
    assert between.finished.usage.cached_tokens < TOKENS


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (b"", "empty"),
        (b"no picture at all", "no picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "ends in the middle"),
        (b"GIF89a\x10\x27\x10\x27", "50 million"),
        (b"GIF89a\x10\x27\x01\x00", "no model can make out"),
        (b"GIF89a\x00\x00\x01\x00", "no pixels"),
        (b"GIF89a\x10\x00\x10\x00", "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x01", "damaged"),
        (bytes(20 * 2**20 + 1), "more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_is_refused_with_a_sentence(seeing, spoiled: bytes, said: str) -> None:
    message = Message(role="user", content="?", pictures=(Picture(hash="0" * 64, data=spoiled),))
    error = seeing.start(message).failed.error
    assert error.code == "bad_request"
    assert said in error.message
    assert error.hint


def test_a_picture_that_is_not_there_any_more_is_said(seeing, noise_png: Png) -> None:
    from msgspec import structs

    gone = structs.replace(picture_of(noise_png(9, 9)), data=None)
    assert "gone" in seeing.start(Message(role="user", content="?", pictures=(gone,))).failed.error.message


def test_what_a_user_writes_is_never_taken_for_a_picture(seeing, noise_png: Png) -> None:
    run = seeing.greedy(asked("<__media__> <picture-0-0>", noise_png(8, 8)), max_tokens=2)
    assert run.finished.usage.prompt_tokens > TOKENS + 20


def test_a_model_without_a_projector_says_that_it_cannot_see(make_driver, tiny: Path, noise_png: Png) -> None:
    driver = make_driver()
    driver.load(tiny, mmproj="off", n_ctx=256)
    error = driver.start(asked("the cab", noise_png(8, 8))).failed.error
    assert error.message == "This model cannot see pictures."


def test_a_projector_of_another_model_is_said_when_there_is_something_to_see(
    make_driver, tiny: Path, noise_png: Png
) -> None:
    driver = make_driver()
    assert driver.load(tiny, mmproj=str(tiny), n_ctx=256).options["mmproj"] == "off"
    assert driver.greedy("the cab", max_tokens=2).text_when_finished
    error = driver.start(asked("the cab", noise_png(8, 8))).failed.error
    assert "does not work as this model’s projector" in error.message


@pytest.mark.parametrize("architecture", ["cogvlm", "hunyuan_vl"])
def test_an_architecture_whose_pictures_are_not_followed_says_so_and_writes_text(
    make_driver, gguf_file: ModuleType, tmp_path: Path, projector_file: Path, noise_png: Png, architecture: str
) -> None:
    path = write_model(library(), gguf_file, architecture, tmp_path / "model.gguf", **{"attention.head_count_kv": 4})
    driver = make_driver()
    driver.load(path, mmproj=str(projector_file), n_ctx=256)
    assert driver.greedy(asked("hello"), max_tokens=3).finished
    error = driver.greedy(asked("hello", noise_png(40, 30)), max_tokens=3).failed.error
    assert error.message.startswith(f"The architecture {architecture} ")
    assert error.message.endswith("in a way that Paddock does not follow yet.")
    assert error.hint == "Choose another model for pictures."


def ask(driver, question: Question) -> object:
    told: list[object] = []
    came = threading.Event()

    def answered(reply: object) -> None:
        told.append(reply)
        came.set()

    driver.engine.ask(question, answered)
    assert came.wait(DEADLINE)
    return told[0]


def test_the_room_that_pictures_take_is_told(seeing, noise_png: Png) -> None:
    told = ask(seeing, ContextRequest(id="c", model="m", messages=(asked("the cab", noise_png(40, 30)),)))
    assert isinstance(told, ContextUse)
    assert told.tokens > TOKENS


def test_what_could_come_next_behind_a_picture_is_told_in_words(seeing, noise_png: Png) -> None:
    question = CandidatesRequest(id="next", model="m", messages=(asked("the cab", noise_png(40, 30)),), top=5)
    told = ask(seeing, question)
    assert isinstance(told, Candidates)
    assert told.prompt_tokens >= TOKENS + len(told.recent)
    assert min(told.recent) >= 0


def test_a_template_may_begin_with_a_picture(make_driver, tiny: Path, projector_file: Path, noise_png: Png) -> None:
    driver = make_driver()
    driver.load(tiny, mmproj=str(projector_file), n_ctx=256, chat_template="{{ messages[0].content }}")
    told = ask(driver, ContextRequest(id="c", model="m", messages=(asked("the cab", noise_png(40, 30)),)))
    assert isinstance(told, ContextUse)


def test_a_picture_that_cannot_be_encoded_ends_its_request_and_the_next_one_begins(
    make_driver, tiny: Path, projector_file: Path, noise_png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    encode = Projector.encode

    def fail(self: Projector, chunk: Chunk, between: Callable[[float], bool]) -> object:
        monkeypatch.setattr(Projector, "encode", encode)
        begun.set()
        assert go_on.wait(DEADLINE)
        raise EngineError("The picture could not be encoded.")

    driver = make_driver()
    driver.load(tiny, mmproj=str(projector_file), n_ctx=256, n_parallel=1)
    monkeypatch.setattr(Projector, "encode", fail)
    monkeypatch.setattr(decoding, "IDLE_S", 10 * DEADLINE)  # nothing but the failure itself may let it begin
    failing = driver.greedy(asked("the cab", noise_png(40, 30, 1)), max_tokens=2)
    assert begun.wait(DEADLINE)
    waiting = driver.greedy("the bed", max_tokens=2)
    waiting.wait(lambda events: any(isinstance(event, Queued) for event in events))
    go_on.set()
    assert failing.failed.error.message == "The picture could not be encoded."
    assert waiting.finished


def test_answers_go_on_beside_pictures(seeing, noise_png: Png) -> None:
    runs = [seeing.greedy(asked(f"the bed {n}", noise_png(30, 30, n)), max_tokens=10) for n in range(6)]
    plain = seeing.greedy("the cab", max_tokens=30)
    assert all(run.finished.usage.completion_tokens for run in (*runs, plain))
    assert any(isinstance(event, TextDelta) for event in plain.events)


# ---------------------------------------------------------------- encoding


@pytest.fixture
def model(tiny: Path) -> Iterator[Model]:
    model = load_model(library(), str(tiny), effective_options({}), lambda fraction: None)
    yield model
    model.close()


@pytest.fixture
def projector(model: Model, projector_file: Path) -> Projector:
    return Projector(model, str(projector_file), threads=1, gpu=False)


def test_pictures_come_in_the_order_of_their_places_and_of_their_list(
    model: Model, projector: Projector, noise_png: Png
) -> None:
    first, second, third = (picture_of(noise_png(20, 20, n), at=at) for n, at in ((1, 0), (2, 0), (3, 2)))
    illustrator = Illustrator(projector, 512)

    def keys(*pictures: Picture) -> list[bytes]:
        (message,), found = illustrator.illustrate([Message(role="user", content="the", pictures=pictures)])
        assert found is not None
        return [run.key for run in illustrator.runs(found.tokens(model, message.content, True), found)]

    assert keys(third, first, second) == [*keys(first), *keys(second), *keys(third)]


def run_of(projector: Projector, data: bytes) -> PictureRun:
    (chunk,) = projector.split(data)
    assert isinstance(chunk, Chunk)
    return PictureRun(0, chunk.count, chunk.positions, chunk.grid, data, lambda: chunk)


def test_encoding_stops_when_nobody_waits_any_more_and_starts_again_for_the_next(
    projector: Projector, noise_png: Png
) -> None:
    heard = threading.Event()
    encoder: PictureEncoder

    def changed() -> None:
        encoder.forget("a")  # in the middle of the encoding: it has just given others their turn
        if second.embeddings is not None:
            heard.set()

    first, second = run_of(projector, noise_png(30, 30)), run_of(projector, noise_png(31, 31))
    encoder = PictureEncoder(projector, threading.Lock(), changed, turn_s=0.0)
    encoder.want("a", first)
    encoder.want("b", second)
    assert heard.wait(DEADLINE)
    assert first.embeddings is None
    assert first.done < 1
    assert second.embeddings is not None
    encoder.close()


def test_what_was_encoded_is_kept_for_the_next_request_until_memory_is_short(
    projector: Projector, noise_png: Png
) -> None:
    done = threading.Semaphore(0)
    encoder = PictureEncoder(projector, threading.Lock(), lambda: done.release())
    first, again = run_of(projector, noise_png(30, 30)), run_of(projector, noise_png(30, 30))
    encoder.want("a", first)
    assert done.acquire(timeout=DEADLINE)
    encoder.want("b", again)
    assert again.embeddings is not None
    assert again.embeddings is first.embeddings
    encoder.shed()
    third = run_of(projector, noise_png(30, 30))
    encoder.want("c", third)
    while third.embeddings is None:
        assert done.acquire(timeout=DEADLINE)
    assert third.embeddings is not first.embeddings
    encoder.close()
