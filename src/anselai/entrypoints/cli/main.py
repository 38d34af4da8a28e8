"""The commands, and how they fail: 0 is ok, 1 a refusal told in a sentence, 2 wrong usage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from anselai import __version__
from anselai.domain.errors import AnselError
from anselai.domain.scrubbing import scrubbed
from anselai.domain.secret import Secret
from anselai.entrypoints.cli.api_keys import api
from anselai.entrypoints.cli.audit import audit
from anselai.entrypoints.cli.check import check
from anselai.entrypoints.cli.connections import connections
from anselai.entrypoints.cli.daemons import scheduler, serve
from anselai.entrypoints.cli.keys import keys
from anselai.entrypoints.cli.migrate import migrate
from anselai.entrypoints.cli.platforms import platforms
from anselai.entrypoints.cli.studios import studios
from anselai.entrypoints.cli.sync import sync

GIVEN = "anselai.given"
LONGEST_QUOTE = 20  # characters


class Refused(click.ClickException):
    """One of our errors, told with its stable code."""

    exit_code = 1

    def __init__(self, error: AnselError) -> None:
        super().__init__(scrubbed(str(error), ()))
        self.code = error.code

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error [{self.code}]: {self.message}", file=file, err=file is None)


class Commands(click.Group):
    """Refuses without a traceback, and without repeating what may be a secret that was given in the wrong place."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        parts = {part for each in args for part in (each, *each.lstrip("-").partition("="))}
        ctx.meta[GIVEN] = [Secret(each) for each in parts if len(each) > LONGEST_QUOTE]
        with _unrepeated(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _unrepeated(ctx):
                return super().invoke(ctx)
        except AnselError as error:
            raise Refused(error) from None


@contextmanager
def _unrepeated(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):  # it prints the help, and repeats nothing
            raise
        raise click.UsageError(scrubbed(error.format_message(), ctx.meta[GIVEN]), error.ctx) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="anselai %(version)s")
def main() -> None:
    """AnselAI: business intelligence for photographers.

    Start it with `anselai serve`, then open the address that it prints. Settings come from the environment and from
    .env; docs/settings.md lists them.
    """


for command in (serve, scheduler, migrate, check, connections, sync, platforms, keys, studios, audit):
    main.add_command(command)
keys.add_command(api)
