"""Single-stream decode through the public API against a bare loop over the same llama.cpp.

    python tests/perf/decode.py [--model FILE] [--tokens 128] [--rounds 5]

The reference is ``llama_decode`` with a greedy pick in C, in a process of its own, with the same threads, context and
prompt: what ``llama-bench`` measures, without another build of the library. Both run ``--rounds`` times, in turns; the
best of each is compared, because a busy machine only ever makes one slower. Prints one JSON object; the target of 0.93
is for models of half a billion parameters: name one with ``--model``. On the starter, whose step takes half a
millisecond, look at the microseconds that Paddock adds to a token.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET = 0.93
STARTER = Path(__file__).resolve().parents[2] / "resources" / "starter" / "starter-Q8_0.gguf"
PROMPT = "Tell me a story about a dog."
OPTIONS = {"n_ctx": 1024, "n_parallel": 1}


def bare(model_file: str, tokens: int, rounds: int) -> None:
    """Prints tokens per second, one line for each line on standard input."""
    from paddock.backends.llamacpp.bindings import library
    from paddock.backends.llamacpp.loading import effective_options, load_model, make_context, with_threads
    from paddock.backends.llamacpp.machine import available_bytes, physical_cores

    lib = library()
    options = effective_options(OPTIONS)
    model = load_model(lib, model_file, options, lambda fraction: None)
    options = with_threads(options, model.size_bytes, physical_cores())
    context = make_context(model, options, free_before=available_bytes())
    api, handle = lib.api, context.handle
    greedy = api.llama_sampler_init_greedy()
    prompt = model.tokenize(PROMPT, add_special=True)
    for _ in range(rounds):
        sys.stdin.readline()
        context.clear()
        context.decode([(token, at, 0, at == len(prompt) - 1) for at, token in enumerate(prompt)])
        token = api.llama_sampler_sample(greedy, handle, -1)
        one = (api.llama_token * 1)(token)
        begun = time.perf_counter()
        for _ in range(tokens - 1):
            one[0] = token
            assert api.llama_decode(handle, api.llama_batch_get_one(one, 1)) == 0
            token = api.llama_sampler_sample(greedy, handle, -1)
        sys.stdout.write(f"{(tokens - 1) / (time.perf_counter() - begun)}\n")
        sys.stdout.flush()


def compare(model_file: str, tokens: int, rounds: int) -> dict[str, object]:
    """Tokens per second of both, best of ``rounds``, and their ratio."""
    from paddock.sdk import Client

    command = [sys.executable, __file__, "--bare", "--model", model_file]
    command += ["--tokens", str(tokens), "--rounds", str(rounds)]
    reference = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert reference.stdin is not None
    assert reference.stdout is not None
    references, answers = [], []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PADDOCK_HOME"] = folder
        with Client.connect() as client:
            client.load(model_file, OPTIONS)
            for _ in range(rounds):
                reference.stdin.write("go\n")
                reference.stdin.flush()
                references.append(float(reference.stdout.readline()))
                answer = client.respond(
                    PROMPT, model=model_file, max_tokens=tokens, temperature=0.0, ignore_eos=True
                )  # fmt: skip
                assert answer.usage.completion_tokens == tokens, answer.stop_reason
                answers.append(answer.stats.tokens_per_second)
            client.shutdown()
    reference.stdin.close()
    reference.wait()
    return {
        "added_us_per_token": round((1 / max(answers) - 1 / max(references)) * 1e6),
        "paddock_tokens_per_second": round(max(answers), 1),
        "bare_tokens_per_second": round(max(references), 1),
        "ratio": round(max(answers) / max(references), 3),
        "target": TARGET,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(STARTER))
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare(options.model, options.tokens, options.rounds)
        return 0
    found = compare(options.model, options.tokens, options.rounds)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
