"""Ready-made lines for the API server. Text only."""

from __future__ import annotations

LANGUAGES = ("curl", "Python (openai)", "Python (paddock)")


def snippet(language: str, url: str, model: str) -> str:
    """How to ask ``model`` at ``url`` (without ``/v1``) in ``language``."""
    match language:
        case "curl":
            return (
                f"curl {url}/v1/chat/completions \\\n"
                "  -H 'Content-Type: application/json' \\\n"
                f'  -d \'{{"model": "{model}", "messages": [\n'
                '       {"role": "user", "content": "What is the capital of France?"}]}\''
            )
        case "Python (openai)":
            return (
                "from openai import OpenAI\n\n"
                f'client = OpenAI(base_url="{url}/v1", api_key="paddock")\n'
                "answer = client.chat.completions.create(\n"
                f'    model="{model}",\n'
                '    messages=[{"role": "user", "content": "What is the capital of France?"}],\n'
                ")\n"
                "print(answer.choices[0].message.content)"
            )
        case _:
            return (
                "from paddock.sdk import Client\n\n"
                "with Client.connect() as client:\n"
                "    answer = client.respond(\n"
                '        "What is the capital of France?",\n'
                f'        model="{model}",\n'
                "    )\n"
                "    print(answer.text)"
            )
