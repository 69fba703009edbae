"""Chat templates: a conversation as the one text that the model was trained to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jinja2 import Template
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError, UndefinedError

from paddock.backends.chat.sandbox import Guard, LimitReached, Sandbox, TemplateRefused, plain
from paddock.sdk.errors import TemplateFailed
from paddock.sdk.types import Message, Tool

CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)
"""For models that bring no template: the format that most of them understand."""
CHATML_END = "<|im_end|>"
LONGEST_SOURCE = 2**20
_SAMPLE = "sample-of-a-text"
_HINT = "Choose another template in the model’s load settings, or report it to the model’s publisher."


class ChatTemplate:
    """One model's template. Not thread-safe: one thread renders, because the time limit traces that thread.

    Args:
        source: Jinja source.
        bos: Text of the model's begin-of-sequence token; empty when it has none.
        eos: Text of its end-of-sequence token.
        seconds: Most processor time that one rendering may take.
    """

    def __init__(self, source: str, *, bos: str = "", eos: str = "", seconds: float = 2.0) -> None:
        self.source = source
        self._bos = bos
        self._eos = eos
        self._seconds = seconds
        self._template: Template | None = None
        self._parts: bool | None = None

    @property
    def wants_parts(self) -> bool:
        """Whether it takes a message's content as a list of parts only, and drops a text that comes as such."""
        if self._parts is None:
            self._parts = False
            message, sample = Message(role="user", content=_SAMPLE), []
            for parts in (False, True):
                try:
                    sample.append(_SAMPLE in self._rendered([message_dict(message, parts=parts)], (), None, True))
                except TemplateFailed:
                    sample.append(False)
            self._parts = sample == [False, True]
        return self._parts

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        *,
        reasoning: bool | None = None,
        add_generation_prompt: bool = True,
    ) -> str:
        """The prompt; it ends where the answer starts.

        ``reasoning`` None leaves it to the template whether the model thinks first.
        Raises TemplateFailed: the template is not valid, refuses the conversation, reaches outside its sandbox, or
        takes more time or memory than it may.
        """
        parts = self.wants_parts
        dicts = [message_dict(message, parts=parts) for message in messages]
        return self._rendered(dicts, tools, reasoning, add_generation_prompt)

    def _rendered(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[Tool],
        reasoning: bool | None,
        add_generation_prompt: bool,
    ) -> str:
        values: dict[str, Any] = {
            "messages": list(messages),
            "tools": [tool_dict(tool) for tool in tools] or None,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self._bos,
            "eos_token": self._eos,
        }
        if reasoning is not None:
            values |= {"enable_thinking": reasoning, "thinking": reasoning}
        guard = Guard(self._seconds)
        try:
            with guard:
                return self._compiled(guard).render(values)
        except TemplateRefused as refused:
            raise TemplateFailed(
                f"The model’s chat template refuses this conversation: {refused.message or 'no reason given'}",
                hint="Change the conversation accordingly, for instance by removing the system prompt.",
            ) from None
        except LimitReached as limit:
            raise TemplateFailed(f"The model’s chat template was stopped: {limit}.", hint=_HINT) from None
        except SecurityError as error:
            raise TemplateFailed(
                f"The model’s chat template was stopped because it reached outside its sandbox: {error.message}",
                hint="Do not trust this model file until you know why.",
            ) from None
        except TemplateSyntaxError as error:
            raise TemplateFailed(
                f"The model’s chat template is not valid (line {error.lineno}): {error.message}", hint=_HINT
            ) from None
        except UndefinedError as error:
            raise TemplateFailed(
                f"The model’s chat template uses a value that is missing: {error.message}", hint=_HINT
            ) from None
        except (RecursionError, MemoryError):
            raise TemplateFailed(
                "The model’s chat template was stopped: it nests too deeply or needs too much memory.", hint=_HINT
            ) from None
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise TemplateFailed(f"The model’s chat template failed: {error}", hint=_HINT) from None

    def _compiled(self, guard: Guard) -> Template:
        if len(self.source) > LONGEST_SOURCE:
            raise LimitReached(f"its source is longer than {LONGEST_SOURCE // 2**20} million characters")
        if self._template is None:
            self._template = Sandbox(guard).from_string(self.source)
        environment = self._template.environment
        assert isinstance(environment, Sandbox)
        environment.guard = guard
        return self._template


def message_dict(message: Message, *, parts: bool = False) -> dict[str, Any]:
    """``message`` in the form of Hugging Face's templates: arguments of tool calls as objects; with ``parts`` its text
    as a list of one part."""
    content = [{"type": "text", "text": message.content}] if parts else message.content
    value: dict[str, Any] = {"role": message.role, "content": content}
    if message.reasoning:
        value["reasoning_content"] = message.reasoning
    if message.tool_calls:
        value["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        value["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        value["name"] = message.name
    return value


def tool_dict(tool: Tool) -> dict[str, Any]:
    """``tool`` in OpenAI's form, which templates write out as JSON."""
    function = {"name": tool.name, "description": tool.description, "parameters": plain(tool.parameters)}
    return {"type": "function", "function": function}


def _arguments(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
