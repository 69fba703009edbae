"""What the cells of a batch and their judges are asked, as requests. Pure functions."""

from __future__ import annotations

import msgspec

from paddock.sdk.compare import BatchPrompt
from paddock.sdk.pictures import Picture
from paddock.sdk.types import GenerateRequest, Message, Options, Pane

JUDGE_TOKENS = 4096
_VERDICT = r'root ::= ("PASS" | "FAIL") ": " [^\n]{1,400}'
_CLOSING_VERDICT = 'root ::= "PASS" | "FAIL"'
_SEEDS = 2**32


def cell_request(
    id: str, prompt: BatchPrompt, pane: Pane, repeat: int, system: str, pictures: tuple[Picture, ...] = ()
) -> GenerateRequest:
    """A prompt in a pane, with its ``pictures``. ``system`` is the system prompt where neither has one."""
    return GenerateRequest(
        id=id,
        model=pane.model,
        messages=_messages(prompt, pane, system, pictures),
        sampling=_seeded(pane, repeat),
        max_tokens=pane.max_tokens or None,
        stop=pane.stop or (),
        reasoning=pane.reasoning,
        priority="batch",
        private=True,  # hundreds of prompts would push what chats have read out of the store on disk
    )


def judge_request(
    id: str, model: str, messages: tuple[Message, ...], *, grammar: bool, closing: bool = False
) -> GenerateRequest:
    """``grammar``: the model's engine holds replies to a form. For the ``closing`` word it does not think again."""
    return GenerateRequest(
        id=id,
        model=model,
        messages=messages,
        sampling={"temperature": 0.0},
        max_tokens=JUDGE_TOKENS,
        priority="batch",
        private=True,
        reasoning=False if closing else None,
        grammar=(_CLOSING_VERDICT if closing else _VERDICT) if grammar else "",
    )


def _seeded(pane: Pane, repeat: int) -> Options:
    """The pane's sampling with a seed for each repetition, so that every answer can be had again: the pane's own and
    those that follow it, from 0 where it has none. A seed of -1 is drawn anew each time, as the user asked."""
    seed = pane.sampling.get("seed", 0)
    if not isinstance(seed, int) or seed < 0:
        return dict(pane.sampling)
    return {**pane.sampling, "seed": (seed + repeat) % _SEEDS}


def _messages(prompt: BatchPrompt, pane: Pane, system: str, pictures: tuple[Picture, ...]) -> tuple[Message, ...]:
    """What is asked: the pane's system prompt, else that of the prompt's own messages, else ``system``."""
    messages = prompt.messages or (Message(role="user", content=prompt.prompt),)
    if pictures:
        asked = messages[-1]
        messages = (*messages[:-1], msgspec.structs.replace(asked, pictures=(*pictures, *asked.pictures)))
    own = pane.system
    if own is None:
        own = system if messages[0].role != "system" else messages[0].content
    rest = messages[1:] if messages[0].role == "system" else messages
    return (Message(role="system", content=own), *rest) if own else rest
