"""`anselai serve` and `anselai scheduler`."""

import sys

import click

from anselai.entrypoints.cli.session import say, settings_and_log


@click.command()
@click.option("--no-scheduler", is_flag=True, help="Serve only; start `anselai scheduler` elsewhere.")
def serve(*, no_scheduler: bool) -> None:
    """Start everything: database, HTTP API, dashboard and scheduler.

    Without DATABASE_URL a PostgreSQL that comes with AnselAI is made and started. Ctrl-C stops everything in order; a
    second Ctrl-C gives syncs that are under way back at once.
    """
    settings = settings_and_log()
    from anselai.entrypoints.daemon import run_process
    from anselai.entrypoints.serve import run_serve

    serving = run_serve(settings, say, with_scheduler=not no_scheduler, is_watched=sys.stdout.isatty())
    raise SystemExit(run_process(serving))


@click.command()
def scheduler() -> None:
    """Run only the scheduler. Any number of them may share one database."""
    settings = settings_and_log()
    from anselai.entrypoints.daemon import run_process
    from anselai.entrypoints.scheduler import run_scheduler

    raise SystemExit(run_process(run_scheduler(settings, say)))
