"""Tokens come from a file, standard input or a hidden prompt: an argument would stay in the shell's history."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from anselai.domain.secret import Secret

C = TypeVar("C", bound=Callable[..., Any])

LARGEST_FILE = 64 * 1024  # bytes; a token has at most some thousands


def moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """An option's callback: an instant with its zone."""
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise click.BadParameter("must be a time with its zone, for example 2026-01-31T12:00:00Z")
    return instant


def token_file(name: str, help_text: str) -> Callable[[C], C]:
    """An option for the file that holds a token; - is standard input."""
    path = click.Path(exists=True, dir_okay=False, allow_dash=True)
    return click.option(f"--{name}-file", type=path, metavar="FILE", help=help_text)


def read_tokens(*paths: str | None) -> tuple[Secret | None, ...]:
    """The token in each file, without the white space around it. Raises UsageError."""
    if paths.count("-") > 1:
        raise click.UsageError("Only one token can come from standard input.")
    return tuple(None if each is None else _read(each) for each in paths)


def ask(prompt: str, *, may_be_empty: bool = False) -> Secret | None:
    """A token that is typed or pasted, and not shown. Raises UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError(
            "There is no terminal to ask for the token: give it with --access-token-file (- is stdin)."
        )
    answer = click.prompt(prompt, hide_input=True, default="" if may_be_empty else None, show_default=False)
    return Secret(answer.strip()) if answer.strip() else None


def _read(path: str) -> Secret:
    with click.open_file(path, "rb") as file:
        text = file.read(LARGEST_FILE + 1)
    if len(text) > LARGEST_FILE:
        raise click.UsageError(f"{click.format_filename(path)} is too large to be a token.")
    try:
        return Secret(text.decode().strip())
    except UnicodeDecodeError:
        raise click.UsageError(f"{click.format_filename(path)} is not text.") from None
