"""What every command starts with: settings, the log, and AnselAI opened for as long as it takes."""

import asyncio
import getpass
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import click

from anselai.application.ansel import Ansel
from anselai.application.audit import acting_as
from anselai.domain.audit import Actor
from anselai.entrypoints.logs import set_up_logging
from anselai.settings import Settings, load_settings

T = TypeVar("T")


def settings_and_log() -> Settings:
    """The settings of the environment and .env, and the log set up by them. Raises InvalidSettings."""
    settings = load_settings()
    set_up_logging(settings)
    return settings


def with_ansel(act: Callable[[Ansel], Awaitable[T]], *, uses_tokens: bool = False) -> T:
    """Open AnselAI, do this one thing, and close it.

    What `uses_tokens` needs every key, as a start does: otherwise a command with the wrong ENCRYPTION_KEY would seal
    what nobody else can open, or call a good connection broken. Raises KeysMissing.
    """

    async def open_and_act() -> T:
        from anselai.container import open_container

        async with open_container(settings_and_log(), report=progress) as ansel:
            if uses_tokens:
                await ansel.keys.check()
            with acting_as(person()):
                return await act(ansel)

    return run(open_and_act())


def person() -> Actor:
    """Who runs this command, as the system knows them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = str(os.getuid())
    return Actor(name=f"cli {user}@{socket.gethostname()}")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, or to Ctrl-C or SIGTERM: then what was opened is closed first."""

    async def cancellable() -> T:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await main

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise click.Abort from None


def confirm(question: str) -> None:
    """Ask before something is lost, and end the command unless the answer is yes."""
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort as no:
        if isinstance(no.__context__, EOFError):
            click.echo(err=True)
            raise click.UsageError("Nobody is there to answer. With --yes it is done without asking.") from None
        raise


def say(sentence: str) -> None:
    """For a person or a log file; nobody need be listening."""
    with suppress(OSError):
        click.echo(sentence)


def progress(sentence: str) -> None:
    """What takes time, on standard error: a command's output is for scripts too."""
    with suppress(OSError):
        click.echo(f"{sentence} ...", err=True)
