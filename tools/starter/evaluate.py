"""Asks the starter the fixed questions through llama.cpp and prints its score.

`python tools/starter/evaluate.py` asks greedily; `--temperature 0.8 --repeat 10` samples.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat import Json, apply_template

DEFAULT_MODEL = Path("resources/starter/starter-Q8_0.gguf")
DEFAULT_QUESTIONS = Path("tests/data/starter_questions.json")
_CALL = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def is_right(answer: str, expect: str | Json, *, thinking: bool) -> bool:
    """Whether an answer is what the question expects.

    Args:
        answer: The generated text, thought included.
        expect: A regular expression to be found, or an object with `json` or `tool_call`.
        thinking: The prompt opened a thought, which the answer must close.
    """
    if thinking:
        thought, closed, answer = answer.partition("</think>")
        if not closed or not thought.strip():
            return False
    if isinstance(expect, str):
        return re.search(expect, answer) is not None
    if "json" in expect:
        return bool(_json_or_none(answer) == expect["json"])
    found = _CALL.search(answer)
    return found is not None and bool(_json_or_none(found.group(1)) == expect["tool_call"])


@dataclass(frozen=True)
class Reply:
    """One generated answer: its text, its number of tokens and the seconds it took."""

    text: str
    tokens: int
    seconds: float


class Asker:
    """Greedy or sampled answers from a GGUF file."""

    def __init__(self, path: Path, threads: int) -> None:
        from llama_cpp import Llama

        self._model = Llama(str(path), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False)

    def ask(self, question: Json, *, temperature: float, seed: int, most: int = 700) -> Reply:
        """Answers one entry of the question file."""
        thinking = bool(question.get("enable_thinking", False))
        prompt = apply_template(question["messages"], question.get("tools", []), thinking=thinking)
        tokens = self._model.tokenize(prompt.encode("utf-8"), add_bos=False, special=True)
        stop = self._model.token_eos()
        written: list[int] = []
        self._model.n_tokens = 0
        self._model.set_seed(seed)
        begin = time.perf_counter()
        for token in self._model.generate(tokens, temp=temperature, top_k=0, top_p=1.0, min_p=0.0, repeat_penalty=1.0):
            if token == stop or len(written) >= most:
                break
            written.append(token)
        seconds = time.perf_counter() - begin
        text = self._model.detokenize(written, special=True).decode("utf-8", "replace")
        return Reply(text, len(written), seconds)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--questions", type=Path, default=DEFAULT_QUESTIONS)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--repeat", type=int, default=1, help="answers per question, each with its own seed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="regular expression on the ids of the questions")
    parser.add_argument("--show", action="store_true", help="print right answers too")
    arguments = parser.parse_args()
    questions = json.loads(arguments.questions.read_text("utf-8"))
    chosen = [question for question in questions if re.search(arguments.only, question["id"])]
    asker = Asker(arguments.model, arguments.threads)
    right = tokens = 0
    seconds = 0.0
    for question in chosen:
        for seed in range(1, arguments.repeat + 1):
            reply = asker.ask(question, temperature=arguments.temperature, seed=seed)
            good = is_right(reply.text, question["expect"], thinking=bool(question.get("enable_thinking", False)))
            right, tokens, seconds = right + good, tokens + reply.tokens, seconds + reply.seconds
            if arguments.show or not good:
                print(
                    f"{'right' if good else 'WRONG'} {question['id']}: {question['messages'][-1]['content']!r} -> {reply.text!r}"
                )
    print(f"{right} of {len(chosen) * arguments.repeat} right, {tokens / max(seconds, 1e-9):.0f} tokens/s")


if __name__ == "__main__":
    main()
