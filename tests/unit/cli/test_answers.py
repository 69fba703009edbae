"""What an answer looks like on standard output and standard error."""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Iterable

import msgspec
import pytest

from paddock.sdk.cli.answers import AnswerView, answer_json, stats_line
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.errors import EngineDied
from paddock.sdk.events import (
    Failed,
    Finished,
    GenerationEvent,
    LoadProgress,
    PromptProgress,
    Queued,
    ReasoningDelta,
    TextDelta,
)
from paddock.sdk.types import Completion, Stats, ToolCall, Usage
from paddock.sdk.units import bytes_text

END = Finished(id="r", usage=Usage(prompt_tokens=3, completion_tokens=2), stats=Stats(), reason="stop")


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def text(value: str) -> TextDelta:
    return TextDelta(id="r", text=value)


def thought(value: str) -> ReasoningDelta:
    return ReasoningDelta(id="r", text=value)


def shown(*events: GenerationEvent, streaming: bool = True, quiet: bool = False) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    AnswerView(Terminal(out, err), "m", streaming=streaming, quiet=quiet).show(event for event in events)
    return out.getvalue(), err.getvalue()


def test_the_answer_alone_is_on_standard_output():
    progress = [Queued(id="r", position=2), LoadProgress(id="r", model="m", fraction=0.5)]
    reading = PromptProgress(id="r", done=1, total=2, cached=0)
    assert shown(*progress, reading, thought("so…"), text("\n\nHello"), text(" you"), END) == ("Hello you\n", "so…\n\n")


def test_without_streaming_the_same_is_printed_at_the_end():
    assert shown(thought("so…"), text("Hello\n"), END, streaming=False) == ("Hello\n", "so…\n\n")


def test_quiet_prints_nothing():
    assert shown(thought("so…"), text("Hello"), END, quiet=True) == ("", "")


def test_each_piece_is_written_when_it_comes():
    out = io.StringIO()
    seen = []

    def events() -> Generator[GenerationEvent, None, None]:
        for word in ("one ", "two"):
            yield text(word)
            seen.append(out.getvalue())
        yield END

    AnswerView(Terminal(out, io.StringIO()), "m").show(events())
    assert seen == ["one ", "one two"]


def interrupted(before: Iterable[GenerationEvent], error: BaseException) -> Generator[GenerationEvent, None, None]:
    yield from before
    raise error


def test_ctrl_c_ends_the_line_and_keeps_what_was_written():
    out = io.StringIO()
    view = AnswerView(Terminal(out, io.StringIO()), "m")
    with pytest.raises(KeyboardInterrupt):
        view.show(interrupted([text("half")], KeyboardInterrupt()))
    assert (out.getvalue(), view.text) == ("half\n", "half")


def test_a_failed_answer_raises_its_error():
    failed = Failed(id="r", error=EngineDied("The engine died (SIGSEGV).").info())
    with pytest.raises(EngineDied, match="SIGSEGV"):
        shown(text("half"), failed)


def test_a_model_cannot_steer_the_terminal():
    assert printable("a\x1b[31mb\x07\r\n\tc\x9b") == "a[31mb\n\tc"
    screen = Screen()
    Terminal(screen, io.StringIO()).text("\x1b]0;title\x07")
    assert "\x1b" not in screen.getvalue()


def test_a_pipe_gets_no_colours_and_uncut_tables():
    out, err = io.StringIO(), io.StringIO()
    terminal = Terminal(out, err)
    terminal.table(("Model", "Size"), [("name[red]/" + "x" * 200, "5 MB")], right=(1,))
    terminal.fail(EngineDied("It died.", hint="Try again."))
    assert "\x1b" not in out.getvalue() + err.getvalue()
    assert "name[red]/" + "x" * 200 in out.getvalue()
    assert err.getvalue() == "error: It died.\nTry again.\n"


def test_progress_moves_only_where_somebody_looks():
    screen = Screen()
    events = [LoadProgress(id="r", model="m", fraction=0.5), text("hi"), END]
    AnswerView(Terminal(io.StringIO(), screen), "m").show(event for event in events)
    assert "loading m 50%" in screen.getvalue()


COMPLETION = Completion(
    model="m",
    text="t",
    reasoning="r",
    usage=Usage(prompt_tokens=30, completion_tokens=4, cached_tokens=20),
    stats=Stats(ttft_s=0.123, tokens_per_second=45.67, prompt_per_second=8.0),
    stop_reason="length",
)


def test_the_stats_line_says_what_was_measured():
    line = stats_line(COMPLETION)
    assert line == (
        "4 tokens · 45.7 tokens/s · first after 0.12 s · prompt 30 tokens, 20 cached · cut off at --max-tokens"
    )


def test_the_stats_line_says_how_the_guesses_did():
    drafted = msgspec.structs.replace(COMPLETION.stats, drafted_tokens=20, accepted_tokens=12)
    assert "12 of 20 guesses right" in stats_line(msgspec.structs.replace(COMPLETION, stats=drafted))


def test_the_json_answer_has_exactly_the_promised_names():
    out = io.StringIO()
    Terminal(out, io.StringIO()).json(answer_json(COMPLETION), pretty=False)
    assert out.getvalue() == (
        '{"model":"m","text":"t","reasoning":"r",'
        '"usage":{"prompt_tokens":30,"completion_tokens":4,"cached_tokens":20},'
        '"stats":{"ttft_s":0.123,"tokens_per_second":45.67},"stop_reason":"length"}\n'
    )


def test_tool_calls_are_added_only_when_there_are_any():
    call = ToolCall(id="c", name="f", arguments="{}")
    assert answer_json(Completion(model="m", text="", tool_calls=(call,)))["tool_calls"] == (call,)


@pytest.mark.parametrize(
    ("size", "words"), [(None, ""), (0, "0 B"), (999, "999 B"), (5_300_000, "5.3 MB"), (123_456_789_000, "123 GB")]
)
def test_sizes_are_in_decimal_units(size, words):
    assert bytes_text(size) == words


def test_json_survives_an_old_code_page():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="cp1252")
    Terminal(out, io.StringIO()).json({"text": "“ü” 😀"}, pretty=False)
    assert raw.getvalue().isascii()
    assert json.loads(raw.getvalue()) == {"text": "“ü” 😀"}
