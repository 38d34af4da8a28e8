"""`anselai key`: the encryption key, of which only its source and id are ever shown."""

import sys

import click

from anselai.entrypoints.cli.output import json_option, print_fields, print_json
from anselai.entrypoints.cli.session import settings_and_log


@click.group()
def key() -> None:
    """Make an encryption key, or see which one is in use."""


@key.command()
def generate() -> None:
    """Print a new ENCRYPTION_KEY: 32 random bytes as base64. Nothing is stored."""
    from anselai.container import generate_key

    click.echo(generate_key().reveal())
    if sys.stdout.isatty():
        click.echo(
            "Put it into .env as ENCRYPTION_KEY=... and keep a copy: without it no stored token opens.", err=True
        )


@key.command()
@json_option
def show(*, as_json: bool) -> None:
    """Where the key in use comes from, and its id, which every token sealed with it names."""
    from anselai.container import key_in_use

    found = key_in_use(settings_and_log())
    if as_json:
        print_json({"source": found.source, "id": found.id})
    else:
        print_fields([("Source", found.source), ("Id", found.id)])
