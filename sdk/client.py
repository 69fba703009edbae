"""The synchronous client: a thin shell over :mod:`paddock.sdk.protocol`. See :mod:`paddock.sdk.aclient` for asyncio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar

from paddock.sdk import protocol, transport
from paddock.sdk.asking import Gathering, Image, Prompt, new_id, question
from paddock.sdk.calls import Calls
from paddock.sdk.connect import Slow, find_or_start, home_of
from paddock.sdk.errors import PaddockError
from paddock.sdk.events import Failed, GenerationEvent, HostEvent, Loaded, LoadProgress, TextDelta
from paddock.sdk.host import (
    CachedPrompts,
    Generation,
    Handshake,
    HostAddress,
    LogTail,
    ServerRequest,
    ServerStatus,
    Settings,
    SettingsPatch,
)
from paddock.sdk.paths import Home
from paddock.sdk.protocol import Call, EventReader
from paddock.sdk.questions import Embeddings, EmbedRequest, Input, Pooling, RerankRequest, Scores
from paddock.sdk.types import (
    Chat,
    ChatPatch,
    ChatSummary,
    Completion,
    EngineInfo,
    GenerateRequest,
    LoadedModel,
    LoadRequest,
    ModelInfo,
    NewChat,
    Options,
    OptionValue,
    SendRequest,
    Tool,
)

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class Client(Calls):
    """A connection to the host, usable from any thread.

    Every method raises the host's :class:`~paddock.sdk.errors.PaddockError`, and HostUnavailable when the host cannot
    be reached, is silent or ends in the middle. The iterators ask at their first ``next``; closing one (or dropping
    it) ends the request.
    """

    def __init__(self, address: HostAddress, *, client: str = "sdk") -> None:
        self.address = address
        self._client = client
        self._opened: httpx2.Client | None = None
        self._opening = threading.Lock()

    @classmethod
    def connect(
        cls, home: Home | Path | str | None = None, *, client: str = "sdk", start: bool = True, slow: Slow | None = None
    ) -> Client:
        """The client of the running host of the data folder ``home``; with ``start`` one is started where none runs.

        Blocks while a host starts: a second, and on a slow machine as long as it takes; ``slow`` is called once, on
        this thread, after a minute (None: it is logged). Raises HostUnavailable with the reason, ProtocolMismatch when
        a host of another version is busy.
        """
        found = find_or_start(home_of(home), client=client, start=start, slow=slow)
        return cls(found.address, client=client)

    def close(self) -> None:
        """Close the connections; running streams end."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _http(self) -> httpx2.Client:
        with self._opening:
            if self._opened is None:
                self._opened = transport.open_sync(self.address, self._client)
            return self._opened

    def _ask(self, call: Call[T]) -> T:
        http = self._http()
        with transport.explained(call):
            answer = http.request(**transport.arguments(call))
        return protocol.decode(call, answer.status_code, answer.content)

    def _stream(self, call: Call[T]) -> Generator[T, None, None]:
        reader = EventReader(call)
        http = self._http()
        with transport.explained(call), http.stream(**transport.arguments(call)) as answer:
            if not answer.is_success:
                raise protocol.error_from(answer.status_code, answer.read())
            for chunk in answer.iter_bytes():
                yield from reader.feed(chunk)
                if call.endings and reader.ended:
                    return
        reader.finish()

    # ------------------------------------------------------------ host

    def handshake(self) -> Handshake:
        """Who answers, and what it is doing."""
        return self._ask(protocol.handshake())

    def events(self) -> Generator[HostEvent, None, None]:
        """What happens in the host, first a Snapshot. The client counts as attached while this is open.

        Ends after Leaving. Raises HostUnavailable after 15 s of silence (the host beats every 5 s).
        """
        return self._stream(protocol.events())

    def logs(self, lines: int = 200) -> LogTail:
        """The last ``lines`` lines of the host's log and its path."""
        return self._ask(protocol.logs(lines))

    def echo(self) -> Generator[TextDelta, None, None]:
        """Ten events, 50 ms apart: shows whether something on the way holds them back."""
        return self._stream(protocol.echo())

    def raise_window(self, token: str = "", open: str = "") -> int:
        """Ask the open windows to come to the front, and the latest to ``open`` a path or an address
        (:mod:`~paddock.sdk.open_address`); how many there were. ``token``: XDG activation token."""
        return self._ask(protocol.raise_window(token, open)).windows

    def shutdown(self, when: Literal["idle", "done", "now"] = "idle") -> None:
        """Ask the host to end: when nothing runs (otherwise HostBusy), when its work is done, or now."""
        self._ask(protocol.shutdown(when))

    # ------------------------------------------------------------ models

    def engines(self) -> list[EngineInfo]:
        """The engines of this machine, with their devices or with what is missing."""
        return self._ask(protocol.engines())

    def models(self) -> list[ModelInfo]:
        """The models on disk."""
        return self._ask(protocol.models())

    def refresh_models(self) -> list[ModelInfo]:
        """The models on disk, after reading all folders again."""
        return self._ask(protocol.refresh_models())

    def loaded(self) -> list[LoadedModel]:
        """The models in memory."""
        return self._ask(protocol.loaded())

    def load(
        self,
        model: str,
        options: Mapping[str, OptionValue] | None = None,
        on_progress: Callable[[float], None] | None = None,
        *,
        identifier: str = "",
        force: bool = False,
        pinned: bool | None = None,
        ttl_s: float | None = None,
    ) -> LoadedModel:
        """Load ``model`` (an id or a file's path) with load options of its engine; ``on_progress`` gets 0 to 1.

        The keywords are the fields of :class:`~paddock.sdk.types.LoadRequest`. Raises OutOfMemory with the remedy
        when it does not fit, unless ``force``.
        """
        request = LoadRequest(
            model=model,
            options=dict(options or {}),
            identifier=identifier,
            force=force,
            pinned=pinned,
            ttl_s=ttl_s,
        )
        loaded: LoadedModel | None = None
        for event in self._stream(protocol.load(request)):
            match event:
                case LoadProgress():
                    if on_progress is not None:
                        on_progress(event.fraction)
                case Loaded():
                    loaded = event.model
                case Failed():
                    raise PaddockError.from_info(event.error)
        assert loaded is not None  # the reader lets no stream end without Loaded or Failed
        return loaded

    def unload(self, id: str) -> None:
        """Unload a model, by the id of its instance or of the model."""
        self._ask(protocol.unload(id))

    # ------------------------------------------------------------ generation

    def generate(self, request: GenerateRequest) -> Generator[GenerationEvent, None, None]:
        """The events of one request, the last of them Finished, Failed or Cancelled. Closing the iterator cancels."""
        return self._stream(protocol.generate(request))

    def respond(
        self,
        prompt: Prompt,
        *,
        model: str = "",
        system: str = "",
        reasoning: bool | None = None,
        max_tokens: int | None = None,
        stop: Iterable[str] = (),
        tools: Iterable[Tool] = (),
        private: bool = False,
        images: Iterable[Image] = (),
        **sampling: OptionValue,
    ) -> Completion:
        """One whole answer. ``model`` empty: the default model of the settings; ``sampling``: options by name;
        ``images``: files (paths or contents) for a model with vision.

        Raises what failed as a PaddockError.
        """
        model = model or self.settings().default_model
        gathering = Gathering(model)
        events = self.stream(
            prompt,
            model=model,
            system=system,
            reasoning=reasoning,
            max_tokens=max_tokens,
            stop=stop,
            tools=tools,
            private=private,
            images=images,
            **sampling,
        )
        for event in events:
            completion = gathering.add(event)
            if completion is not None:
                return completion
        raise AssertionError("a stream of events without an ending")  # the reader lets none pass

    def stream(
        self,
        prompt: Prompt,
        *,
        model: str = "",
        system: str = "",
        reasoning: bool | None = None,
        max_tokens: int | None = None,
        stop: Iterable[str] = (),
        tools: Iterable[Tool] = (),
        private: bool = False,
        images: Iterable[Image] = (),
        **sampling: OptionValue,
    ) -> Generator[GenerationEvent, None, None]:
        """The events of one answer, as :meth:`generate`; the arguments are those of :meth:`respond`."""
        request = question(
            prompt,
            model=model or self.settings().default_model,
            system=system,
            reasoning=reasoning,
            max_tokens=max_tokens,
            stop=stop,
            tools=tools,
            private=private,
            images=images,
            sampling=sampling,
        )
        yield from self.generate(request)

    def embed(self, texts: str | Iterable[Input], *, model: str, pooling: Pooling | None = None) -> Embeddings:
        """A vector of length 1 for each of ``texts`` (or token ids); ``pooling`` None takes the model's own."""
        request = EmbedRequest(
            id=new_id(), model=model, inputs=(texts,) if isinstance(texts, str) else tuple(texts), pooling=pooling
        )
        return self._ask(protocol.embed(request))

    def rerank(self, query: str, documents: Iterable[str], *, model: str) -> Scores:
        """How well each of ``documents`` fits ``query``, in their order; ``model`` must be one that ranks."""
        request = RerankRequest(id=new_id(), model=model, query=query, documents=tuple(documents))
        return self._ask(protocol.rerank(request))

    def generations(self) -> list[Generation]:
        """The requests that are running."""
        return self._ask(protocol.generations())

    def attach(self, id: str) -> Generator[GenerationEvent, None, None]:
        """The events of a running generation: what was written so far, then what follows. Closing does not cancel."""
        return self._stream(protocol.attach(id))

    def cancel(self, id: str) -> None:
        """Stop a generation; also when it has just ended."""
        self._ask(protocol.cancel(id))

    def retune(self, id: str, sampling: Options) -> None:
        """Have a running generation go on with other sampling, from its next token."""
        self._ask(protocol.retune(id, sampling))

    # ------------------------------------------------------------ chats

    def chats(self) -> list[ChatSummary]:
        """The conversations, newest first."""
        return self._ask(protocol.chats())

    def create_chat(self, chat: NewChat) -> Chat:
        """A new, empty conversation."""
        return self._ask(protocol.create_chat(chat))

    def chat(self, id: str) -> Chat:
        """A conversation with the messages of its current path."""
        return self._ask(protocol.chat(id))

    def patch_chat(self, id: str, patch: ChatPatch) -> Chat:
        """Change a conversation's title, model, system prompt, pin or current path."""
        return self._ask(protocol.patch_chat(id, patch))

    def delete_chat(self, id: str) -> None:
        """Delete a conversation."""
        self._ask(protocol.delete_chat(id))

    def send(self, chat_id: str, request: SendRequest) -> Generator[GenerationEvent, None, None]:
        """Add a message to a conversation and have it answered. The answer goes on when the iterator is closed."""
        return self._stream(protocol.send(chat_id, request))

    # ------------------------------------------------------------ settings and API server

    def settings(self) -> Settings:
        """What the user set."""
        return self._ask(protocol.settings())

    def patch_settings(self, patch: SettingsPatch) -> Settings:
        """Change settings; fields that are None stay as they are."""
        return self._ask(protocol.patch_settings(patch))

    def prompt_cache(self) -> list[CachedPrompts]:
        """What is kept on disk of the prompts that each model has read, most recently used first."""
        return self._ask(protocol.prompt_cache())

    def clear_prompt_cache(self, model: str = "") -> None:
        """Remove the kept prompts of ``model``, or of all models."""
        self._ask(protocol.clear_prompt_cache(model))

    def server(self) -> ServerStatus:
        """The state of the public API server."""
        return self._ask(protocol.server())

    def set_server(self, request: ServerRequest) -> ServerStatus:
        """Switch the public API server on or off."""
        return self._ask(protocol.set_server(request))
