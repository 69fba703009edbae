"""Messages, and how they become text: the same text that `template.jinja` writes.

Training needs to know which characters the model itself writes, so a conversation is rendered as segments;
`check_template` proves that segments and template agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE_PATH = Path(__file__).with_name("template.jinja")
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEXT_TOKENS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")

Json = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: system, user, assistant or tool.
        content: Its text.
        thought: What an assistant thinks first when thinking is enabled.
        short: The same answer in one word, empty where there is none.
        calls: Tool calls of an assistant, each with name and arguments.
    """

    role: str
    content: str
    thought: str = ""
    short: str = ""
    calls: tuple[Json, ...] = ()

    def as_dict(self) -> Json:
        """The message as the chat template sees it."""
        plain: Json = {"role": self.role, "content": self.content}
        if self.calls:
            plain["tool_calls"] = [{"type": "function", "function": call} for call in self.calls]
        return plain


@dataclass(frozen=True)
class Conversation:
    """Messages with the settings that the chat template takes."""

    messages: tuple[Message, ...]
    tools: tuple[Json, ...] = ()
    thinking: bool = False


@dataclass(frozen=True)
class Segment:
    """A piece of rendered text and whether the model is to learn to write it."""

    text: str
    learnt: bool


TOOL_HEAD = "# Tools\n\n<tools>"
TOOL_TAIL = (
    '\n</tools>\n\nTo call a tool, answer with:\n<tool_call>\n{"name": <name>, "arguments": <arguments>}\n</tool_call>'
)


def _system_text(conversation: Conversation) -> str:
    first = conversation.messages[0]
    text = first.content if first.role == "system" else ""
    if conversation.tools:
        listed = "".join("\n" + json.dumps(tool, ensure_ascii=False) for tool in conversation.tools)
        text += ("\n\n" if text else "") + TOOL_HEAD + listed + TOOL_TAIL
    return text


def _assistant_text(message: Message) -> str:
    text = message.content
    for call in message.calls:
        text += ("\n" if text else "") + f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"
    return text


def render(conversation: Conversation) -> list[Segment]:
    """The conversation as segments; with thinking, only the last answer carries its thought."""
    segments: list[Segment] = []
    system = _system_text(conversation)
    if system:
        segments.append(Segment(f"<|im_start|>system\n{system}<|im_end|>\n", learnt=False))
    messages = [message for message in conversation.messages if message.role != "system"]
    for index, message in enumerate(messages):
        if message.role == "assistant":
            prompt, answer = "<|im_start|>assistant\n", _assistant_text(message)
            if conversation.thinking and index == len(messages) - 1:
                prompt += "<think>\n"
                answer = f"{message.thought}\n</think>\n\n{answer}"
            segments += [Segment(prompt, learnt=False), Segment(answer + "<|im_end|>", learnt=True)]
            segments.append(Segment("\n", learnt=False))
        elif message.role == "tool":
            text = f"<|im_start|>user\n<tool_response>\n{message.content}\n</tool_response><|im_end|>\n"
            segments.append(Segment(text, learnt=False))
        else:
            segments.append(Segment(f"<|im_start|>{message.role}\n{message.content}<|im_end|>\n", learnt=False))
    return segments


def apply_template(messages: list[Json], tools: list[Json], *, thinking: bool) -> str:
    """Renders the shipped template up to the point where the model answers."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    template = environment.from_string(TEMPLATE_PATH.read_text("utf-8"))
    return template.render(messages=messages, tools=tools, add_generation_prompt=True, enable_thinking=thinking)


def check_template(conversation: Conversation) -> None:
    """Raises ValueError when the template and `render` write different prompts for the last answer."""
    segments = render(conversation)
    expected = "".join(segment.text for segment in segments[:-2])
    messages = [message.as_dict() for message in conversation.messages[:-1]]
    actual = apply_template(messages, list(conversation.tools), thinking=conversation.thinking)
    if actual != expected:
        raise ValueError(f"template and corpus disagree:\n{actual!r}\n{expected!r}")
