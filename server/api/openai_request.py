"""OpenAI's chat completion request, read strictly: a field is used, known to change nothing here, or refused."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import Picture, picture_of_url
from paddock.sdk.types import Message, Options, Tool, ToolCall
from paddock.server.api import openai_fields as fields
from paddock.server.api.bodies import convert
from paddock.server.api.openai_fields import later, wrong

ECHOED = frozenset(
    {"refusal", "annotations", "reasoning_details", "parsed", "provider_specific_fields"}
    | {"id", "status", "cache_control"}
)
"""Fields of answers that clients send back inside messages; they carry nothing for a chat template."""
AnyRole = Literal["system", "developer", "user", "assistant", "tool"]
ROLES = get_args(AnyRole)
EFFORTS = {"none": False, "minimal": True, "low": True, "medium": True, "high": True, "xhigh": True}


class ChatBody(fields.Fields, frozen=True, kw_only=True):
    """OpenAI's fields that only chat completions have."""

    messages: list[dict[str, Any]]
    max_completion_tokens: int | None = None
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
    body, rest = fields.read(raw, ChatBody)
    _refuse_what_comes_later(body)
    if not body.messages:
        raise wrong("messages", "“messages” is empty.", "Send at least one message.")
    return body, rest


def reasoning(body: ChatBody) -> bool | None:
    """Whether the model shall think first; None leaves it to its template."""
    if body.reasoning_effort is not None:
        if body.reasoning_effort not in EFFORTS:
            raise wrong(
                "reasoning_effort",
                f"“reasoning_effort” cannot be “{body.reasoning_effort}”.",
                f"It takes {', '.join(EFFORTS)}; local models only know none or some.",
            )
        return EFFORTS[body.reasoning_effort]
    for name, value in (body.chat_template_kwargs or {}).items():
        if name != "enable_thinking" or not isinstance(value, bool):
            raise wrong(
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
            raise wrong(f"tools[{number}]", f"Tool {number} is not a function with a name.", "See docs/api.md.")
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
        raise wrong(where, f"Message {number} has no “content”.", "Give it a text, which may be empty.")
    if isinstance(kept.get("role"), str) and kept["role"] not in ROLES:
        raise wrong(where, f"Message {number} has the role “{kept['role']}”.", f"Roles: {', '.join(ROLES)}.")
    try:
        message = convert(kept, _RawMessage)
    except BadRequest as error:
        raise BadRequest(f"Message {number}: {error.message}", hint=error.hint, field=where) from None
    content, pictures = _content(where, message.content)
    if pictures and message.role != "user":
        raise wrong(
            f"{where}.content",
            f"Message {number} of the role “{message.role}” has a picture.",
            "Send pictures as “user”.",
        )
    return Message(
        role="system" if message.role == "developer" else message.role,
        content=content,
        pictures=pictures,
        reasoning=message.reasoning_content or message.reasoning or "",
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
            for call in message.tool_calls or ()
        ),
        tool_call_id=message.tool_call_id,
        name=message.name,
    )


def _content(where: str, content: str | list[dict[str, Any]] | None) -> tuple[str, tuple[Picture, ...]]:
    if content is None or isinstance(content, str):
        return content or "", ()
    text, pictures = "", []
    for number, part in enumerate(content):
        match part.get("type"):
            case "text" if isinstance(part.get("text"), str):
                text += ("\n" if any(before.get("type") == "text" for before in content[:number]) else "") + part[
                    "text"
                ]
            case "text":
                raise wrong(f"{where}.content", "A part of the type “text” has no “text”.", "Give it as a string.")
            case "image_url":
                pictures.append(_picture(f"{where}.content[{number}]", part.get("image_url"), at=len(text)))
            case kind:
                raise wrong(
                    f"{where}.content", f"A part of the type “{kind}” cannot be read yet.", "Send text and pictures."
                )
    return text, tuple(pictures)


def _picture(where: str, image: Any, *, at: int) -> Picture:
    """The picture in a ``data:`` URL; ``detail`` changes nothing for local models."""
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise wrong(where, "A part of the type “image_url” has no “url”.", "Give it as a string.")
    try:
        return picture_of_url(url, at=at)
    except BadRequest as error:
        raise BadRequest(error.message, hint=error.hint, field=where) from None


def _refuse_what_comes_later(body: ChatBody) -> None:
    kind = (body.response_format or {"type": "text"}).get("type")
    if kind != "text":
        later("response_format", f"Structured output (“{kind}”)")
    if body.tool_choice not in (None, "auto", "none"):
        later("tool_choice", "Forcing a tool call")
    if body.parallel_tool_calls is False:
        later("parallel_tool_calls", "Limiting an answer to one tool call")
    if body.logprobs or body.top_logprobs:
        later("logprobs", "Giving out log probabilities")
    if body.modalities not in (None, ["text"]):
        later("modalities", "Output other than text")
