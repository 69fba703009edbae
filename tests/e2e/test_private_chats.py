"""What is private leaves nothing in the prompt cache on disk; what is not does."""

from __future__ import annotations

from pathlib import Path

from paddock.sdk import Client
from paddock.sdk.types import ChatPatch, NewChat, SendRequest

STARTER = "paddock/starter"
STORABLE = 128
"""Tokens; shorter prefixes are never written."""


def long(word: str) -> str:
    return f"What is a {word}? " * 60


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def ask(client: Client, chat: str, text: str) -> None:
    """An answer, and the model out of memory, which writes what is to be kept."""
    ending = list(client.send(chat, SendRequest(content=text, max_tokens=4)))[-1]
    assert ending.usage.prompt_tokens > STORABLE, ending
    client.unload(STARTER)


def test_private_chats_leave_no_file_and_ordinary_ones_do(program):
    with program.client() as client:
        chat = client.create_chat(NewChat(model=STARTER, private=True)).summary.id
        ask(client, chat, long("horse"))
        client.respond(long("duck"), model=STARTER, private=True, max_tokens=4)
        done = program.run("chat", "-m", STARTER, "--private", "--max-tokens", "4", long("fox"))
        assert done.returncode == 0, done.stderr
        client.unload(STARTER)
        assert kept(program.home.kv) == []
        client.patch_chat(chat, ChatPatch(private=False))
        ask(client, chat, "And a mare?")
        before = kept(program.home.kv)
        assert before
        client.patch_chat(chat, ChatPatch(private=True))
        ask(client, chat, long("foal"))
        assert kept(program.home.kv) == before
