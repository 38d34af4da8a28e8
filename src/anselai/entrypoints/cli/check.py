"""`anselai check`: the foundation test."""

import logging

import click

from anselai.entrypoints.cli.session import progress, run, settings_and_log


@click.command()
def check() -> None:
    """Test the foundation: database, tables, encryption, connections, API, syncs. Leaves nothing behind.

    One line a check, and exit code 1 if any failed. Works beside a running `anselai serve`, and alone.
    """
    from anselai.entrypoints.foundation_check import check_foundation

    settings = settings_and_log()
    logging.getLogger("anselai").setLevel(logging.ERROR)  # it asks for refusals, which are no news
    if not run(check_foundation(settings, say=click.echo, report=progress)):
        raise SystemExit(1)
