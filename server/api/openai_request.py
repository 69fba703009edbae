"""OpenAI's chat completion request, read strictly: a field is used, known to change nothing here, or refused."""

from __future__ import annotations

import difflib
from typing import Any, Literal, NoReturn, get_args

import msgspec

from paddock.backends.base import EngineDescriptor
from paddock.sdk.errors import BadRequest, UnknownOption
from paddock.sdk.options import check
from paddock.sdk.types import Message, Options, Tool, ToolCall
from paddock.server.api.bodies import convert

WITHOUT_EFFECT = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
"""Fields that concern OpenAI's own servers: accepted, nothing follows from them."""
ECHOED = frozenset(
    {"refusal", "annotations", "reasoning_details", "parsed", "provider_specific_fields"}
    | {"id", "status", "cache_control"}
)
"""Fields of answers that clients send back inside messages; they carry nothing for a chat template."""
AnyRole = Literal["system", "developer", "user", "assistant", "tool"]
ROLES = get_args(AnyRole)
MAX_CHOICES = 16
EFFORTS = {"none": False, "minimal": True, "low": True, "medium": True, "high": True, "xhigh": True}


class StreamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    include_usage: bool = False
    include_obfuscation: bool = False


class ChatBody(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that are the same for every engine; the others are sampling options of the model's engine."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["auto", "none", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    modalities: list[str] | None = None


def read_body(raw: dict[str, Any]) -> tuple[ChatBody, Options]:
    """The body and, beside it, what is left for the engine's sampling. Raises BadRequest."""
    known = set(ChatBody.__struct_fields__)
    body = convert({name: value for name, value in raw.items() if name in known}, ChatBody)
    rest = {
        name: value
        for name, value in raw.items()
        if name not in known and name not in WITHOUT_EFFECT and value is not None
    }
    _refuse_what_comes_later(body)
    if not body.messages:
        raise _wrong("messages", "“messages” is empty.", "Send at least one message.")
    if body.n is not None and not 1 <= body.n <= MAX_CHOICES:
        raise _wrong("n", f"“n” cannot be {body.n}.", f"It takes 1 to {MAX_CHOICES}.")
    limit = max_tokens(body)
    if limit is not None and limit < 1:
        raise _wrong("max_tokens", f"“max_tokens” cannot be {limit}.", "It takes a whole number from 1.")
    return body, rest


def sampling(rest: Options, descriptor: EngineDescriptor) -> Options:
    """Sampling options under the engine's names. Raises UnknownOption with a suggestion, InvalidOption."""
    try:
        return check(rest, descriptor.sampling, where=f"{descriptor.title} sampling")
    except UnknownOption as error:
        name = str(error.details.get("option", ""))
        names = [spec.name for spec in descriptor.sampling]
        names += [alias for spec in descriptor.sampling for alias in spec.aliases]
        near = difflib.get_close_matches(name, [*ChatBody.__struct_fields__, *WITHOUT_EFFECT, *names], n=1)
        hint = f"Did you mean “{near[0]}”?" if near else "Fields and sampling options are listed in docs/api.md."
        raise UnknownOption(f"There is no field “{name}”.", hint=hint, option=name) from None


def max_tokens(body: ChatBody) -> int | None:
    return body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens


def stops(body: ChatBody) -> tuple[str, ...]:
    given = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return tuple(text for text in given if text)


def reasoning(body: ChatBody) -> bool | None:
    """Whether the model shall think first; None leaves it to its template."""
    if body.reasoning_effort is not None:
        if body.reasoning_effort not in EFFORTS:
            raise _wrong(
                "reasoning_effort",
                f"“reasoning_effort” cannot be “{body.reasoning_effort}”.",
                f"It takes {', '.join(EFFORTS)}; local models only know none or some.",
            )
        return EFFORTS[body.reasoning_effort]
    for name, value in (body.chat_template_kwargs or {}).items():
        if name != "enable_thinking" or not isinstance(value, bool):
            raise _wrong(
                "chat_template_kwargs", f"“chat_template_kwargs” cannot set “{name}”.", "It takes enable_thinking."
            )
        return value
    return None


def tools(body: ChatBody) -> tuple[Tool, ...]:
    """The functions on offer; none with ``tool_choice`` “none”."""
    if body.tool_choice == "none":
        return ()
    found = []
    for number, tool in enumerate(body.tools or ()):
        function = tool.get("function")
        if tool.get("type", "function") != "function" or not isinstance(function, dict) or not function.get("name"):
            raise _wrong(f"tools[{number}]", f"Tool {number} is not a function with a name.", "See docs/api.md.")
        described = {
            key: function[key] for key in ("name", "description", "parameters") if function.get(key) is not None
        }
        try:
            found.append(convert(described, Tool))
        except BadRequest as error:
            raise BadRequest(f"Tool {number}: {error.message}", hint=error.hint, field=f"tools[{number}]") from None
    return tuple(found)


def messages(body: ChatBody) -> tuple[Message, ...]:
    """The conversation. Raises BadRequest that names the message."""
    return tuple(_message(number, raw) for number, raw in enumerate(body.messages))


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct, frozen=True):
    function: _Function
    id: str = ""


class _RawMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: AnyRole
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


def _message(number: int, raw: dict[str, Any]) -> Message:
    where = f"messages[{number}]"
    kept = {name: value for name, value in raw.items() if value is not None and name not in ECHOED}
    if "content" not in kept and kept.get("role", "assistant") != "assistant":
        raise _wrong(where, f"Message {number} has no “content”.", "Give it a text, which may be empty.")
    if isinstance(kept.get("role"), str) and kept["role"] not in ROLES:
        raise _wrong(where, f"Message {number} has the role “{kept['role']}”.", f"Roles: {', '.join(ROLES)}.")
    try:
        message = convert(kept, _RawMessage)
    except BadRequest as error:
        raise BadRequest(f"Message {number}: {error.message}", hint=error.hint, field=where) from None
    return Message(
        role="system" if message.role == "developer" else message.role,
        content=_text(where, message.content),
        reasoning=message.reasoning_content or message.reasoning or "",
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
            for call in message.tool_calls or ()
        ),
        tool_call_id=message.tool_call_id,
        name=message.name,
    )


def _text(where: str, content: str | list[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in content:
        kind = part.get("type")
        if kind != "text":
            raise _wrong(f"{where}.content", f"A part of the type “{kind}” cannot be read yet.", "Send text.")
        if not isinstance(part.get("text"), str):
            raise _wrong(f"{where}.content", "A part of the type “text” has no “text”.", "Give it as a string.")
        texts.append(part["text"])
    return "\n".join(texts)


def _refuse_what_comes_later(body: ChatBody) -> None:
    kind = (body.response_format or {"type": "text"}).get("type")
    if kind != "text":
        _later("response_format", f"Structured output (“{kind}”)")
    if body.tool_choice not in (None, "auto", "none"):
        _later("tool_choice", "Forcing a tool call")
    if body.parallel_tool_calls is False:
        _later("parallel_tool_calls", "Limiting an answer to one tool call")
    if body.logprobs or body.top_logprobs:
        _later("logprobs", "Giving out log probabilities")
    if body.modalities not in (None, ["text"]):
        _later("modalities", "Output other than text")


def _later(field: str, what: str) -> NoReturn:
    raise _wrong(field, f"{what} comes later; this version cannot do it.", f"Leave “{field}” out.")


def _wrong(field: str, message: str, hint: str) -> BadRequest:
    return BadRequest(message, hint=hint, field=field)
