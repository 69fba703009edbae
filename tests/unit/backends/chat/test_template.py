"""Chat templates: right prompts, and templates that misbehave are stopped with a sentence."""

from __future__ import annotations

import sys
import time

import pytest

from paddock.backends.chat.template import CHATML, ChatTemplate
from paddock.sdk.errors import TemplateFailed
from paddock.sdk.types import Message, Tool, ToolCall

USER = (Message(role="user", content="hi"),)


def render(source: str, *messages: Message, **options: object) -> str:
    return ChatTemplate(source, bos="<s>", eos="</s>", seconds=0.5).render(messages or USER, **options)


def test_chatml():
    assert render(CHATML, Message(role="system", content="S"), *USER) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_tool_calls_reach_the_template_as_objects_and_tools_in_the_openai_form():
    call = ToolCall(id="1", name="w", arguments='{"city": "Ulm"}')
    source = (
        "{% for t in tools %}{{ t | tojson }}{% endfor %}"
        "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments.city }}{% endfor %}"
        "{% endfor %}"
    )
    tool = Tool(name="w", description="d'", parameters={"type": "object"})
    text = render(source, Message(role="assistant", tool_calls=(call,)), tools=(tool,))
    assert text == (
        '{"type": "function", "function": {"name": "w", "description": "d\'", "parameters": {"type": "object"}}}Ulm'
    )


def test_reasoning_switch_and_tokens():
    source = "{{ bos_token }}{% if enable_thinking is defined %}{{ enable_thinking }}{% endif %}{{ eos_token }}"
    assert render(source) == "<s></s>"
    assert render(source, reasoning=True) == "<s>True</s>"
    assert render(source, reasoning=False) == "<s>False</s>"


def test_reasoning_of_earlier_answers():
    assert render("{{ messages[0].reasoning_content }}", Message(role="assistant", reasoning="why")) == "why"


def test_training_marks_and_loop_controls_as_hugging_face_has_them():
    source = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% break %}{% endfor %}"
    assert render(source, *USER, *USER) == "hi"


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ messages[0].nothing.at_all }}", "missing"),
        ("{{ 1 / 0 }}", "division"),
        ("{% for %}", "not valid (line 1)"),
        ("{{ 'a' | lipsum }}", "lipsum"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nests too deeply"),
        ("{{ " + "(" * 4000, "nests too deeply"),
        ("{{ messages[0] | tojson(indent=1000000000) }}", "indents"),
        ("{% include 'x' %}", "failed"),
    ],
)
def test_a_failing_template_gives_a_sentence(source, part):
    with pytest.raises(TemplateFailed) as failed:
        render(source)
    assert part in failed.value.message
    assert failed.value.hint


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.__class__ }}",
        "{{ (messages | attr('__class__')).__name__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ '{0.__class__}'.format(messages) }}",
        "{{ messages[0].update({'role': 'x'}) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__ }}",
    ],
)
def test_a_template_reaches_nothing_outside(source):
    with pytest.raises(TemplateFailed):
        render(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% set x = range(99999) | list | length %}{% endfor %}",
        "{% macro f(n) %}{% for i in range(99) %}{{ f(n) if n < 900 }}{% endfor %}{% endmacro %}{{ f(0) }}",
        "{{ 'a' * 10**10 }}",
        "{{ [1] * 10**10 }}",
        "{{ 2 ** 10**9 }}",
        "{{ 10**15 * 10**15 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '{:{w}}'.format(1, w=1000000000) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a' | indent(1000000000, true) }}",
        "{{ 5 | round(-1000000000) }}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set s = 'a' * 4000 %}{{ s | replace('a', s) | replace('a', s) }}",
        "{% set s = 'a' * 4000 %}{{ s.replace('a', s).replace('a', s) }}",
        "{% set s = 'a' * 99999 %}{{ range(99999) | join(s) }}",
        "{% set s = 'a' * 99999 %}{{ s.join(range(99999) | map('string')) }}",
        "{% set s = 'a' * 8000000 %}{{ s.split('a') }}",
        "{{ strftime_now('%' ~ 'Y' * 100000) }}",
    ],
)
def test_a_template_that_would_take_for_ever_or_all_memory_is_stopped(source):
    began = time.thread_time()
    with pytest.raises(TemplateFailed):
        render(source)
    assert time.thread_time() - began < 5, "half a second and what the last step takes"


def test_the_sentence_says_what_was_exceeded():
    with pytest.raises(TemplateFailed, match=r"it took longer than 0\.5 seconds"):
        render("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")


def test_time_that_others_take_is_not_the_templates(monkeypatch):
    """A busy machine, or a worker that was stopped and goes on: the wall clock runs, the template does not."""
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() * 1e6)
    assert render("{% for i in range(50) %}{{ i }}{% endfor %}").endswith("4849")


def test_tracing_is_put_back_and_the_template_works_again_after_a_failure():
    before = sys.gettrace()
    template = ChatTemplate("{{ raise_exception('no') if messages[0].content == 'bad' }}{{ messages[0].content }}")
    with pytest.raises(TemplateFailed):
        template.render((Message(role="user", content="bad"),))
    assert template.render(USER) == "hi"
    assert sys.gettrace() is before


def test_a_long_conversation_is_no_problem():
    messages = [Message(role="user", content="word " * 2000)] * 100
    assert len(ChatTemplate(CHATML).render(messages)) > 1_000_000
