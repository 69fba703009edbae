"""Values that cross a package, thread or process boundary.

Every value is a frozen :class:`msgspec.Struct`, so the same definition serves the wire between host and worker
(MessagePack), the HTTP interfaces (JSON), the SDK and the window. Values that come *from* a host tolerate unknown
fields, so that equal protocol majors work in both directions; requests (:class:`Request`) refuse them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from paddock.sdk.pictures import Picture

Role = Literal["system", "user", "assistant", "tool"]
ModelState = Literal["loading", "ready", "unloading", "failed"]
StopReason = Literal["stop", "stop_string", "length", "tool_calls", "context"]
"""``stop``: the model ended its turn; ``length``: ``max_tokens`` reached; ``context``: the context is full."""
MessageState = Literal["done", "generating", "cancelled", "failed", "interrupted"]
"""``interrupted``: the host ended while the answer was being written; the text is what had been saved."""
Priority = Literal["interactive", "batch"]
ModelSource = Literal["bundled", "folder", "path", "huggingface", "lmstudio", "ollama", "jan", "llamacpp"]
"""Where a model on disk is kept: with the program, in a folder of models (ours or the user's), at a path that was
named, or in the store of another program, where it is read in place and never changed."""
OptionValue = bool | int | float | str | list[Any] | dict[str, float] | None
"""What an option may be set to; the option's :class:`~paddock.sdk.options.OptionSpec` narrows it."""
Options = dict[str, OptionValue]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of values that a host or worker answers with."""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a client asks for: an unknown field is an error, never dropped."""


# ---------------------------------------------------------------- conversation


class ToolCall(Value, frozen=True, kw_only=True):
    """One call that the model asks for. ``arguments`` is JSON text, exactly as generated."""

    id: str
    name: str
    arguments: str


class Tool(Value, frozen=True, kw_only=True):
    """A function that the model may call. ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class Message(Value, frozen=True, kw_only=True):
    """One turn of a conversation, as the chat template sees it."""

    role: Role
    content: str = ""
    pictures: tuple[Picture, ...] = ()
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


class GenerateRequest(Request, frozen=True, kw_only=True):
    """Ask a model for one answer.

    ``sampling`` holds option names of the engine's OptionSpecs (``temperature``, ``top_k``, ``seed`` ...); names that
    are absent take the model's defaults. ``max_tokens`` None means: until the model stops or the context is full.
    ``reasoning`` None leaves the template's default. With ``go_on`` the last message is an answer, and what is written
    continues it without a new turn; ``prompt`` (text or token ids) is continued without a template and ``messages``.
    ``cache_prompt`` False neither reuses nor keeps what was read for another request; ``private`` keeps it out of the
    store on disk; ``grammar`` (GBNF with a rule ``root``) holds the answer, not its reasoning."""

    id: str
    model: str
    messages: tuple[Message, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    tools: tuple[Tool, ...] = ()
    sampling: Options = {}
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    reasoning: bool | None = None
    go_on: bool = False
    priority: Priority = "interactive"
    cache_prompt: bool = True
    private: bool = False
    ttl_s: float | None = None
    grammar: str = ""


class Usage(Value, frozen=True, kw_only=True):
    """Token counts. ``cached_tokens`` of the prompt were not evaluated again."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Stats(Value, frozen=True, kw_only=True):
    """Measured by the engine. ``ttft_s``: seconds from the request's arrival in the worker to its first token;
    ``tokens_per_second``: decode speed over the tokens after the first; ``prompt_per_second``: prefill speed;
    ``drafted_tokens`` were guessed ahead and ``accepted_tokens`` of them were right. ``reasoning_s`` is measured by the
    host: from the first piece of the thinking to the first of the answer, or to the end; None without thinking."""

    ttft_s: float = 0.0
    tokens_per_second: float = 0.0
    prompt_per_second: float = 0.0
    duration_s: float = 0.0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    reasoning_s: float | None = None


class Completion(Value, frozen=True, kw_only=True):
    """A whole answer, gathered from its events."""

    model: str
    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    stats: Stats = Stats()
    stop_reason: StopReason = "stop"


# ---------------------------------------------------------------- models and engines


class ModelInfo(Value, frozen=True, kw_only=True):
    """A model on disk. ``error`` says why a broken file cannot be loaded, with the remedy.

    ``id`` is ``publisher/repo`` or, where a folder holds several files, ``publisher/repo:QUANT``. ``path`` is its first
    file and ``files`` are all that are loaded together; a ``projector`` is the file through which it sees. ``folder``
    is the place it was found in. ``changed`` is when its files came and ``last_used`` when it was last loaded, in Unix
    seconds; ``licence`` is the file's own word. ``duplicates`` are of the same content, ``aliases`` further names."""

    id: str
    name: str
    engine: str
    path: str
    size_bytes: int = 0
    format: str = "gguf"
    architecture: str = ""
    parameters: int | None = None
    quant: str = ""
    context_length: int | None = None
    capabilities: tuple[Literal["chat", "tools", "reasoning", "vision", "embedding"], ...] = ()
    source: ModelSource = "folder"
    sampling: Options = {}
    error: str | None = None
    files: tuple[str, ...] = ()
    projector: str = ""
    folder: str = ""
    changed: float = 0.0
    last_used: float | None = None
    licence: str = ""
    has_template: bool = False
    notes: str = ""
    duplicates: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class EngineStats(Value, frozen=True, kw_only=True):
    """Counted by an engine since its model was loaded. Tokens, unless the name says otherwise: ``prompt_tokens`` were
    asked for, ``cached_tokens`` of them not evaluated again. A ``hit`` is a request that found a prefix (in the
    context, in memory or on disk), a ``miss`` one that did not. ``evictions`` left the context, ``recomputed`` prefixes
    failed the check of their positions after a restore. ``cells`` are the KV cells of the context and ``cells_used``
    those taken, idle prefixes included. ``embedding_bytes`` is what the second context takes that embeddings and rerank
    are computed in."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    cells: int = 0
    cells_used: int = 0
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    preemptions: int = 0
    recomputed: int = 0
    restored_from_memory: int = 0
    restored_from_disk: int = 0
    prefixes: int = 0
    memory_prefixes: int = 0
    memory_bytes: int = 0
    disk_prefixes: int = 0
    disk_bytes: int = 0
    embedding_bytes: int = 0
    threads: int = 0


class LoadedModel(Value, frozen=True, kw_only=True):
    """A model in the pool. ``pid`` is its worker's; ``progress`` is 0 to 1 while loading; ``options`` are in force.
    ``stats`` is at most a second old while the model works. ``identifier`` is the name that was given to this
    instance; requests for it go to it alone. ``predicted_bytes`` is what the load was expected to take and
    ``measured_bytes`` what it took. An idle instance that is not ``pinned`` leaves ``ttl_s`` seconds after its
    ``last_used`` (Unix seconds); None stays until its memory is needed."""

    id: str
    model: str
    engine: str
    state: ModelState
    pid: int | None = None
    progress: float = 0.0
    context_length: int | None = None
    size_bytes: int = 0
    active: int = 0
    queued: int = 0
    options: Options = {}
    stats: EngineStats | None = None
    error: str | None = None
    identifier: str = ""
    predicted_bytes: int | None = None
    measured_bytes: int | None = None
    ttl_s: float | None = None
    pinned: bool = False
    last_used: float | None = None


class LoadRequest(Request, frozen=True, kw_only=True):
    """Load ``model`` (id or path of a file) with load options of its engine; what they do not say is taken from the
    model's saved load options.

    With an ``identifier`` that no instance has, a further instance is loaded under that name. ``force`` loads although
    the memory guard says no. ``pinned`` True keeps the instance in memory, None leaves a loaded one as it is. ``ttl_s``
    is how long it may be idle, 0: for ever; None: what the settings say."""

    model: str
    options: Options = {}
    identifier: str = ""
    force: bool = False
    pinned: bool | None = None
    ttl_s: float | None = None


class InstancePatch(Request, frozen=True, kw_only=True):
    """Changes to a loaded instance; None leaves a field as it is. ``ttl_s`` 0: for ever."""

    pinned: bool | None = None
    ttl_s: float | None = None


class Device(Value, frozen=True, kw_only=True):
    """A processor that an engine can compute on. Bytes; None where the engine cannot tell."""

    name: str
    description: str = ""
    kind: Literal["cpu", "gpu", "igpu", "accelerator"] = "cpu"
    total_bytes: int | None = None
    free_bytes: int | None = None


class EngineInfo(Value, frozen=True, kw_only=True):
    """An engine on this machine. ``reason`` says why it is not available and what to install."""

    name: str
    title: str
    available: bool
    version: str = ""
    reason: str = ""
    devices: tuple[Device, ...] = ()


# ---------------------------------------------------------------- chats


class Pane(Value, frozen=True, kw_only=True):
    """One column of a comparison: a model with settings of its own. ``id`` is empty for one that is new. ``system``
    None takes the conversation's, as ``stop``, ``max_tokens`` and ``reasoning`` do; ``model`` empty takes its model."""

    id: str = ""
    model: str = ""
    system: str | None = None
    sampling: Options = {}
    stop: tuple[str, ...] | None = None
    max_tokens: int | None = None
    reasoning: bool | None = None
    name: str = ""


class ChatMessage(Value, frozen=True, kw_only=True):
    """A node of a conversation's tree. Siblings (same ``parent``) are versions of one turn; in a comparison, those of
    the same ``pane``. ``turn`` is the id of the question that it asks or answers: panes that have gone different ways
    hold copies of one question with the same ``turn``. ``revisions`` counts what it said before it was changed, last at
    ``edited``; ``pictures`` come without their data."""

    id: str
    chat_id: str
    parent: str | None
    role: Role
    content: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    model: str = ""
    state: MessageState = "done"
    error: dict[str, Any] | None = None
    usage: Usage | None = None
    stats: Stats | None = None
    stop_reason: str = ""
    created: float = 0.0
    version: int = 1
    versions: int = 1
    siblings: tuple[str, ...] = ()
    pane: str = ""
    turn: str = ""
    edited: float | None = None
    revisions: int = 0
    pictures: tuple[Picture, ...] = ()


class ChatSummary(Value, frozen=True, kw_only=True):
    """A conversation in the list. Times are Unix seconds. ``generating`` is the running generation's id. Of a
    ``private`` one nothing is kept in the prompt cache on disk; the conversation itself is kept as every other.
    ``panes`` is their number where models are compared in it; ``deleted`` is when it came into the trash; ``revision``,
    higher with every :class:`ChatPatch`, deletion and return, tells the older of two summaries."""

    id: str
    title: str
    created: float
    updated: float
    model: str = ""
    system: str = ""
    pinned: bool = False
    private: bool = False
    generating: str | None = None
    folder: str = ""
    tags: tuple[str, ...] = ()
    sampling: Options = {}
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    reasoning: bool | None = None
    panes: int = 0
    deleted: float | None = None
    revision: int = 0


class Chat(Value, frozen=True, kw_only=True):
    """A conversation with the path from its root to its current leaf. Where models are compared in it, ``paths`` holds
    the path of each pane by its id, and ``messages`` is that of the first."""

    summary: ChatSummary
    messages: tuple[ChatMessage, ...] = ()
    panes: tuple[Pane, ...] = ()
    paths: dict[str, tuple[ChatMessage, ...]] = {}


class NewChat(Request, frozen=True, kw_only=True):
    title: str = ""
    model: str = ""
    system: str = ""
    private: bool = False


class ChatPatch(Request, frozen=True, kw_only=True):
    """Changes to a chat; None leaves a field as it is. ``leaf`` chooses a version: the path goes through that message
    to what was written last below it; in a comparison in the ``pane`` that is named. ``private`` holds from the next
    question on. ``sampling``, ``stop``, ``max_tokens`` (0: no limit) and ``reasoning`` (“auto”: as the template has it)
    hold where a request says nothing else. ``sampling`` replaces all options; ``sampling_changes`` sets those that it
    names, or takes them away by None."""

    title: str | None = None
    model: str | None = None
    system: str | None = None
    pinned: bool | None = None
    private: bool | None = None
    leaf: str | None = None
    pane: str = ""
    folder: str | None = None
    tags: tuple[str, ...] | None = None
    sampling: Options | None = None
    sampling_changes: Options | None = None
    stop: tuple[str, ...] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    reasoning: bool | Literal["auto"] | None = None


class SendRequest(Request, frozen=True, kw_only=True):
    """Add a user message to a chat's current path and have it answered. With ``content`` None the message
    ``regenerate`` (an answer or a user message) is answered again, as a new version, or the answer ``go_on`` is
    continued where it ends. What is None is taken from the conversation, and so is an option that is not in
    ``sampling``; one that is None there takes the model's default. ``max_tokens`` 0 is no limit, ``reasoning`` “auto”
    leaves it to the template."""

    content: str | None = None
    pictures: tuple[Picture, ...] = ()
    regenerate: str | None = None
    go_on: str | None = None
    model: str = ""
    sampling: Options = {}
    stop: tuple[str, ...] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    reasoning: bool | Literal["auto"] | None = None
