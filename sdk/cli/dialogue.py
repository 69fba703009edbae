"""A conversation on the terminal: lines in, streamed answers out, commands with a slash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from paddock.sdk.asking import question
from paddock.sdk.cli.answers import AnswerView, stats_line
from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.client import Client
from paddock.sdk.errors import PaddockError
from paddock.sdk.paths import Home
from paddock.sdk.types import Message, Options

COMMANDS = {
    "/help": "what can be typed here",
    "/clear": "forget the conversation so far",
    "/model": "/model ID takes another model; alone it says which one answers",
    "/system": "/system TEXT sets the system prompt; alone it shows it",
    "/exit": "leave (also Ctrl+D)",
}


class Dialogue:
    """One conversation. Nothing of a ``private`` one is kept on disk, neither prompts nor the lines that were typed.
    ``input`` and ``output`` are prompt-toolkit's, for tests."""

    def __init__(
        self,
        client: Client,
        terminal: Terminal,
        home: Home,
        *,
        model: str,
        system: str = "",
        private: bool = False,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._client = client
        self._terminal = terminal
        self._model = model
        self._system = system
        self._private = private
        self._messages: list[Message] = []
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory() if private else _history(home),
            completer=_Commands(client),
            complete_while_typing=False,
            input=input,
            output=output,
        )

    def run(self, *, sampling: Options, max_tokens: int | None, stop: Sequence[str], reasoning: bool | None) -> None:
        """Talk until the user leaves. An answer that fails is reported, and the conversation goes on."""
        self._terminal.aside(f"{self._model}  ·  /help for commands, Ctrl+C stops an answer, Ctrl+D leaves")
        while True:
            line = self._read()
            if line is None:
                return
            if line.startswith("/"):
                if not self._command(line):
                    return
            elif line:
                self._ask(line, sampling, max_tokens, stop, reasoning)

    def _read(self) -> str | None:
        """The next line, None to leave. Ctrl+C drops what was typed; on an empty line the second one leaves."""
        warned = False
        while True:
            try:
                return self._session.prompt(FormattedText([("bold", "› ")])).strip()
            except EOFError:
                return None
            except KeyboardInterrupt:
                if warned:
                    return None
                if not self._session.default_buffer.text:
                    warned = True
                    self._terminal.aside("Ctrl+C again or Ctrl+D leaves.")

    def _ask(
        self, text: str, sampling: Options, max_tokens: int | None, stop: Sequence[str], reasoning: bool | None
    ) -> None:
        asked = [*self._messages, Message(role="user", content=text)]
        request = question(
            asked,
            model=self._model,
            system=self._system,
            reasoning=reasoning,
            max_tokens=max_tokens,
            stop=stop,
            private=self._private,
            sampling=sampling,
        )
        view = AnswerView(self._terminal, self._model)
        try:
            completion = view.show(self._client.generate(request))
        except KeyboardInterrupt:
            self._terminal.aside("stopped")
            if view.text:
                self._messages = [*asked, Message(role="assistant", content=view.text)]
        except PaddockError as error:
            self._terminal.fail(error)
        else:
            self._messages = [*asked, Message(role="assistant", content=completion.text)]
            self._terminal.aside(stats_line(completion) + "\n")

    def _command(self, line: str) -> bool:
        """Carry out a line with a slash; False to leave."""
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word:
            case "/exit" | "/quit":
                return False
            case "/help":
                for name, meaning in COMMANDS.items():
                    self._terminal.aside(f"{name:<9} {meaning}")
            case "/clear":
                self._messages = []
                self._terminal.aside("The conversation is empty.")
            case "/model":
                self._choose(rest)
            case "/system":
                self._system = rest or self._system
                self._terminal.aside(f"System prompt: {self._system}" if self._system else "There is no system prompt.")
            case _:
                self._terminal.aside(f"There is no command {word}; /help lists them.")
        return True

    def _choose(self, name: str) -> None:
        from paddock.sdk.cli.chat import model_argument

        if name:
            self._model = model_argument(name)
        self._terminal.aside(f"Model: {self._model}")


class _Commands(Completer):
    """Completes the slash commands and the model ids behind ``/model``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        if text.startswith("/model "):
            start = text.removeprefix("/model ")
            try:
                names = [model.id for model in self._client.models()]
            except PaddockError:
                return
        else:
            start, names = text, list(COMMANDS)
        for name in names:
            if text.startswith("/") and name.startswith(start):
                yield Completion(name, start_position=-len(start))


def _history(home: Home) -> History:
    """The lines of earlier conversations; only in memory where the data folder cannot be written."""
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        home.history_file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(home.history_file))
