"""From a request to tokens and settings: the template is rendered, the text is split, and whatever cannot be is
refused, before the engine's thread hears of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import cast

from msgspec import structs

from paddock.backends.chat.parse import THINK, THINK_END, Inside, opens_reasoning
from paddock.backends.chat.template import CHATML, CHATML_END, ChatTemplate
from paddock.backends.llamacpp import gbnf
from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.drafting import NgramDrafter
from paddock.backends.llamacpp.grammar import Grammar
from paddock.backends.llamacpp.grammar_program import Program
from paddock.backends.llamacpp.grammar_tokens import Masks, TokenBytes
from paddock.backends.llamacpp.illustrating import Illustrations, Illustrator
from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.samplers import defaults, model_defaults
from paddock.backends.llamacpp.sharing import Rules
from paddock.backends.llamacpp.written import Tokenizer, WrittenAnswers
from paddock.sdk.errors import BadRequest, ContextOverflow, InvalidOption, TemplateFailed
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.options import check
from paddock.sdk.questions import ContextRequest, ContextUse
from paddock.sdk.types import GenerateRequest, Message, Options

_NOTHING: Inside = "nothing"
LATEST_GRAMMARS = 4
"""So many are kept ready: the judges of a batch have the same one."""
LAST_BOUNDARIES = 3
"""Messages at the end of a prompt whose beginnings get a checkpoint, besides the one behind the system prompt."""


@dataclass(frozen=True)
class Prompt:
    """A request as the engine's thread takes it. ``end`` is how the prompt's text ends, empty for a raw one;
    ``plain`` are the options without those of the request; ``boundaries`` are positions at which messages begin;
    without ``ngram`` the draft model or the model's own layers guess; ``words`` are the tokens but for those of
    ``pictures``."""

    tokens: tuple[int, ...] = ()
    options: Options = field(default_factory=dict)
    inside: Inside = "nothing"
    end: str = ""
    end_of_turn: str = ""
    plain: Options = field(default_factory=dict)
    group: Hashable = None
    boundaries: tuple[int, ...] = ()
    draft_limit: int = 0
    ngram: NgramDrafter | None = None
    pictures: tuple[PictureRun, ...] = ()
    grammar: Grammar | None = None

    @property
    def words(self) -> tuple[int, ...]:
        return tuple(token for token in self.tokens if token >= 0) if self.pictures else self.tokens


class Preparer:
    """Prepares the requests of one model. One thread.

    Args:
        model: Whose vocabulary is used.
        template: Jinja source in place of the model's own; empty for the model's.
        limit: Tokens that prompt and answer take together at most.
        rules: What the model allows.
        adapters: LoRA adapters that are loaded.
        draft_max: Longest draft there is room for.
        draft_model: Whether one is loaded.
        written: Answers that are known in tokens.
        illustrator: Knows what the model reads of pictures.
    """

    def __init__(
        self,
        model: Model,
        template: str,
        *,
        limit: int,
        rules: Rules,
        adapters: int,
        draft_max: int,
        draft_model: bool,
        written: WrittenAnswers,
        illustrator: Illustrator,
    ) -> None:
        self._model = model
        source = template or model.template()
        self.has_template = bool(source)
        self._template = ChatTemplate(source or CHATML, bos=model.bos, eos=model.eos)
        self._end_of_turn = "" if source else CHATML_END
        self._defaults = defaults() | model_defaults(model)
        self._limit = limit
        self._rules = rules
        self._adapters = adapters
        self._draft_max = draft_max
        self._draft_model = draft_model
        self._written = written
        self._illustrator = illustrator
        self._masks = lru_cache(LATEST_GRAMMARS)(self._masks_of)

    def get_ready(self) -> None:
        """Compile the template before somebody waits for it."""
        with suppress(Exception):  # whatever is wrong with it, the first request will be told
            self._template.wants_parts  # noqa: B018

    def prepare(self, request: GenerateRequest) -> Prompt:
        """Raises BadRequest, InvalidOption, UnknownOption, TemplateFailed, ContextOverflow."""
        if request.max_tokens is not None and request.max_tokens < 1:
            raise InvalidOption(f"“max_tokens” cannot be {request.max_tokens}.", hint="It takes numbers from 1.")
        options = self._defaults | check(request.sampling, SAMPLING, where="llama.cpp sampling")
        group, draft_limit = self._group(options), self._draft_limit(options)
        text, inside = "", _NOTHING
        illustrated: Illustrations | None = None
        if request.prompt is None:
            messages, illustrated = self._illustrator.illustrate(request.messages)
            text, inside = self._rendered(structs.replace(request, messages=tuple(messages)))
            tokens = self._tokenized(text, request.messages, illustrated)
        elif isinstance(request.prompt, str):
            tokens = self._model.tokenize(self._without_bos(request.prompt), add_special=True)
        else:
            tokens = self._known(request.prompt)
        if not tokens:
            if request.prompt is not None:
                raise BadRequest("The prompt is empty.", hint="Give at least one token.")
            raise TemplateFailed("The model’s chat template made an empty prompt.", hint="Choose another template.")
        self._check_length(tokens)
        pictures = self._illustrator.runs(tokens, illustrated) if illustrated is not None else ()
        if pictures:
            draft_limit = 0  # what guesses tokens knows no pictures
            if pictures[-1].end == len(tokens):
                raise TemplateFailed(
                    "The model’s chat template ends the prompt with a picture.", hint="Choose another template."
                )
        grammar = Grammar(self._masks(request.grammar), inside) if request.grammar else None
        return Prompt(
            tokens=tuple(tokens),
            options=options,
            plain=self._defaults,
            inside=inside,
            end=(illustrated.after(text) if illustrated is not None else text)[-64:],
            end_of_turn=self._end_of_turn if request.prompt is None else "",
            group=group,
            boundaries=self._boundaries(tokens) if self._rules.checkpoints else (),
            draft_limit=draft_limit,
            ngram=NgramDrafter(tokens) if draft_limit and options["drafting"] == "ngram" else None,
            pictures=pictures,
            grammar=grammar,
        )

    def _masks_of(self, grammar: str) -> Masks:
        program = Program(gbnf.read(grammar))
        return Masks(self._token_bytes, program)

    @cached_property
    def _token_bytes(self) -> TokenBytes:
        def piece(token: int) -> bytes:
            return self._model.piece(token, special=True)

        return TokenBytes(self._model.n_vocab, piece, self._model.eog)

    def context(self, question: ContextRequest) -> ContextUse:
        """How much of the context a conversation takes, however long it is. Raises TemplateFailed."""
        messages, illustrated = self._illustrator.illustrate(question.messages)
        text = self._template.render(messages, reasoning=question.reasoning)
        tokens = self._tokenized(text, question.messages, illustrated)
        return ContextUse(
            tokens=len(tokens), context_length=self._limit, messages=self._shares(tokens, question.messages)
        )

    def _shares(self, tokens: Sequence[int], messages: Sequence[Message]) -> tuple[int, ...]:
        """The tokens of each message: between the control tokens that open them where there is one for each, else by
        the length of their texts."""
        starts = self._openers(tokens)
        if len(starts) == len(messages) + 1:  # the last one opens the answer
            starts = [0, *starts[1:-1], len(tokens)]
            return tuple(end - start for start, end in pairwise(starts))
        lengths = [len(self._model.tokenize(message.content, add_special=False)) for message in messages]
        scale = len(tokens) / max(sum(lengths), 1)
        ends = [round(end * scale) for end in accumulate(lengths)]
        return tuple(end - start for start, end in pairwise([0, *ends]))

    def _rendered(self, request: GenerateRequest) -> tuple[str, Inside]:
        """The prompt's text and where it ends; with ``go_on`` that is where the answer has come to."""
        if not request.go_on:
            text = self._template.render(request.messages, request.tools, reasoning=request.reasoning)
            return text, "opened" if opens_reasoning(text) else "nothing"
        if not request.messages or request.messages[-1].role != "assistant" or request.messages[-1].tool_calls:
            raise BadRequest("There is no answer to go on with.", hint="Let the last message be text of the model’s.")
        *before, answer = request.messages
        text = self._template.render(before, request.tools, reasoning=request.reasoning)
        inside: Inside = "opened" if opens_reasoning(text) else "nothing"
        if answer.reasoning:
            text += answer.reasoning if inside == "opened" else f"{THINK}\n{answer.reasoning}"
            inside = "reasoning"
        if not answer.content:
            return text, inside
        if inside != "nothing":
            text += f"\n{THINK_END}\n\n"
        return text + answer.content, "text"

    def _tokenized(self, text: str, messages: Sequence[Message], illustrated: Illustrations | None) -> list[int]:
        tokenizer: Tokenizer = self._model
        if illustrated is not None:
            illustrated.check(text)
            tokenizer = illustrated.over(self._model)
        return self._written.tokenize(tokenizer, self._without_bos(text), messages)

    def _without_bos(self, text: str) -> str:
        """The tokeniser adds it."""
        return text.removeprefix(self._model.bos) if self._model.add_bos and self._model.bos else text

    def _known(self, tokens: Sequence[int]) -> list[int]:
        for token in tokens:
            if not 0 <= token < self._model.n_vocab:
                last = self._model.n_vocab - 1
                raise BadRequest(f"The prompt has the token {token}.", hint=f"The model’s last token is {last}.")
        return list(tokens)

    def _check_length(self, tokens: Sequence[int]) -> None:
        if len(tokens) >= self._limit:
            raise ContextOverflow(
                f"The conversation has {len(tokens):,} tokens and the context holds {self._limit:,}.",
                hint="Load the model with a longer context, or shorten the conversation.",
                prompt_tokens=len(tokens),
                context_length=self._limit,
            )

    def _group(self, options: Options) -> Hashable:
        """The adapters' scales; None when each has its full strength."""
        wanted = cast("dict[str, float]", options["lora_scales"] or {})
        scales = [1.0] * self._adapters
        for key, scale in wanted.items():
            if not key.isdecimal() or int(key) >= self._adapters:
                has = f"It has {self._adapters}, counted from 0." if self._adapters else "It was loaded without any."
                raise InvalidOption(f"The model has no LoRA adapter “{key}”.", hint=has, option="lora_scales")
            scales[int(key)] = scale
        return tuple(scales) if any(scale != 1 for scale in scales) else None

    def _draft_limit(self, options: Options) -> int:
        kind = options["drafting"]
        if kind == "off":
            return 0
        if kind == "model" and not self._draft_model:
            raise InvalidOption(
                "There is no draft model.", hint="Load the model with “draft_model” or “mtp”, or draft by “ngram”.",
                option="drafting",
            )  # fmt: skip
        limit = min(self._draft_max, self._rules.rollback)
        if limit < 1:
            reason = "It was loaded with “draft_max” 0." if not self._draft_max else "Its state cannot be taken back."
            raise InvalidOption("This model cannot draft.", hint=reason, option="drafting")
        return limit

    def _boundaries(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Where messages begin, those that may be gone on from."""
        found = [at for at in self._openers(tokens) if at]
        return tuple(sorted({*found[:1], *found[-LAST_BOUNDARIES:]}))

    def _openers(self, tokens: Sequence[int]) -> list[int]:
        """Where messages begin: at the control token that opens the prompt and at every repetition of it."""
        bos = self._model.bos_token
        words = (token for token in tokens[:3] if token >= 0 and token != bos)
        opener = next((token for token in words if self._model.is_control(token)), None)
        return [at for at, token in enumerate(tokens) if token == opener]
