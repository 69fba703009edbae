"""``paddock login`` and ``logout``: the token of a Hugging Face account, in the keyring of the system."""

from __future__ import annotations

import sys

import typer

from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.hub import HubAccount

_SOURCES = {
    "keyring": "The token in the keyring is used.",
    "environment": "The token of the environment is used (HF_TOKEN, as it was when the host started).",
    "login": "The token of “hf auth login” is used.",
    "none": "No token is used.",
}


def login() -> None:
    """Give Paddock a token of your Hugging Face account, for gated and private models. It is asked for without being
    shown (or read from a pipe), tried, and kept in the keyring of the system, nowhere else."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        if sys.stdin.isatty():
            terminal.note(f"Tokens are made at {client.hub_account().host}/settings/tokens; “Read” is enough.")
            token = typer.prompt("Token", hide_input=True, err=True)
        else:
            token = sys.stdin.readline()
        account = client.hub_login(token.strip())
    terminal.note(f"Logged in at {account.host} as {printable(account.name)}.")


def logout() -> None:
    """Take the token out of the keyring."""
    with Client.connect(client="cli") as client:
        account = client.hub_logout()
    terminal = Terminal()
    terminal.note("The keyring holds no token of Paddock.")
    terminal.note(_described(account))


def _described(account: HubAccount) -> str:
    return f"{_SOURCES[account.source]} {printable(account.note)}".strip()
