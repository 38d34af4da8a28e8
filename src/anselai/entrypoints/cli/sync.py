"""`anselai sync`: schedules, runs and the log."""

from datetime import datetime
from typing import Any

import click

from anselai.application.ansel import Ansel
from anselai.application.views import JobView, PlatformStatus, SyncStatus
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.schedule import CatchUp
from anselai.domain.sync_job import Outcome, Trigger
from anselai.entrypoints.cli.output import cell, json_option, print_fields, print_json, print_table
from anselai.entrypoints.cli.session import say, with_ansel
from anselai.entrypoints.cli.sync_control import FREQUENCY, cancel, explain, pause, resume
from anselai.entrypoints.cli.tokens import moment

NOBODY = "No scheduler is running. Start one with: anselai serve"


@click.group()
def sync() -> None:
    """See, start, schedule, stop and understand syncs."""


for command in (pause, resume, cancel, explain):
    sync.add_command(command)


@sync.command()
@json_option
def status(*, as_json: bool) -> None:
    """Each platform: its connection, its schedules, their last and next runs; the queue, and who is at work."""
    from anselai.entrypoints.http.schemas.sync import SyncStatusJson

    found = with_ansel(lambda ansel: ansel.scheduler.status())
    if as_json:
        print_json(SyncStatusJson.of(found))
        return
    rows = [row for platform in found.platforms for row in _rows_of(platform)]
    print_table(("Platform", "Connection", "Sync", "Cron", "Next run", "Last run", "Now"), rows)
    for each in (each.schedule for platform in found.platforms for each in platform.schedules):
        if each.warning is not None:
            say(f"Warning: {each.platform} {each.frequency}: {each.warning}")
    say(f"{_queue(found)} {_schedulers(found)}")


@sync.command()
@click.argument("platform")
@click.option("--frequency", type=FREQUENCY, help="What to sync; daily if nothing is said and nothing is under way.")
@click.option("--idempotency-key", metavar="KEY", help="With the same key the same job is told for 24 hours.")
@json_option
def run(*, platform: str, frequency: str | None, idempotency_key: str | None, as_json: bool) -> None:
    """Queue a sync of PLATFORM at once. One that is queued or running already is told instead."""
    from anselai.entrypoints.http.schemas.sync import JobJson

    async def queue(ansel: Ansel) -> tuple[JobView, SyncStatus]:
        job = await ansel.scheduler.run_sync_now(platform, frequency, idempotency_key=idempotency_key)
        return job, await ansel.scheduler.status()

    job, found = with_ansel(queue)
    if as_json:
        print_json(JobJson.of(job, deduplicated=job.deduplicated))
        return
    if job.finished_at is not None:
        say(f"The {job.frequency} sync that this key stands for has ended already, as {job.state}: job {job.id}.")
        return
    already = f" already, as {job.state}" if job.deduplicated else ""
    say(f"The {job.frequency} sync of {platform} is in the queue{already}: job {job.id}. See: anselai sync log")
    if not found.workers:
        click.echo(NOBODY, err=True)


@sync.command()
@click.option("--platform", help="Only this platform.")
@click.option("--outcome", type=click.Choice([each.value for each in Outcome]), help="Only what ended so.")
@click.option("--trigger", type=click.Choice([each.value for each in Trigger]), help="Only what was started so.")
@click.option("--since", callback=moment, metavar="TIME", help="From this time on, for example 2026-01-31T12:00:00Z.")
@click.option("--until", callback=moment, metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many rows.")
@click.option("--cursor", help="The page after the one that told this cursor.")
@json_option
def log(
    *,
    platform: str | None,
    outcome: str | None,
    trigger: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """What ran, what did not, and why; newest first."""
    from anselai.entrypoints.http.schemas.log import LogJson

    page = with_ansel(
        lambda ansel: ansel.scheduler.log(
            platform=platform,
            outcome=None if outcome is None else Outcome(outcome),
            trigger=None if trigger is None else Trigger(trigger),
            since=since,
            until=until,
            limit=limit,
            cursor=cursor,
        )
    )
    if as_json:
        print_json(LogJson.of(page))
        return
    if not page.entries:
        say("The log has no such rows. A sync leaves one: anselai sync run google")
        return
    print_table(
        ("When", "Platform", "Sync", "Trigger", "Outcome", "Attempt", "Records", "What"),
        [
            (
                each.logged_at,
                each.platform,
                each.frequency,
                each.trigger,
                each.outcome + (f" x{each.count}" if each.count > 1 else ""),
                each.attempt,
                each.records,
                _what(each),
            )
            for each in page.entries
        ],
    )
    if page.next_cursor is not None:
        say(f"Older rows: --cursor {page.next_cursor}")


@sync.command()
@click.argument("platform")
@click.argument("frequency", type=FREQUENCY)
@click.option("--cron", help="Minute, hour, day of month, month, day of week: for example '0 6 * * *'.")
@click.option("--timezone", help="The zone that the cron is meant in, for example Europe/Berlin.")
@click.option("--on/--off", "enabled", default=None, help="Switch the schedule on, or pause it.")
@click.option(
    "--catch-up", type=click.Choice([each.value for each in CatchUp]), help="What becomes of runs that were missed."
)
@json_option
def schedule(*, platform: str, frequency: str, as_json: bool, **change: Any) -> None:
    """Change a schedule of PLATFORM. Without options it is switched on as it is."""
    from anselai.entrypoints.http.schemas.sync import ScheduleJson

    view = with_ansel(lambda ansel: ansel.scheduler.schedule_sync(platform, frequency, **change))
    if as_json:
        print_json(ScheduleJson.of(view))
        return
    print_fields(
        [
            ("Platform", view.platform),
            ("Sync", f"{view.frequency} ({view.brings})"),
            ("Cron", f"{view.cron} ({view.timezone})"),
            ("Next run", view.next_run_at if view.enabled else f"paused: {view.disabled_reason}"),
            ("Missed runs", view.catch_up),
            *([("Warning", view.warning)] if view.warning is not None else []),
        ]
    )


@sync.command("next")
@click.argument("platform")
@click.option("--frequency", type=FREQUENCY, help="Of this sync only.")
@json_option
def next_(*, platform: str, frequency: str | None, as_json: bool) -> None:
    """When PLATFORM is synced next."""
    when = with_ansel(lambda ansel: ansel.scheduler.get_next_sync(platform, frequency))
    if as_json:
        print_json({"platform": platform, "frequency": frequency, "nextRunAt": when})
    else:
        say(f"No such schedule of {platform} is on." if when is None else cell(when))


def _rows_of(status: PlatformStatus) -> list[tuple[object, ...]]:
    name = f"{status.platform} (stub)" if status.simulated else status.platform
    if status.connection is None:
        return [(name, "not connected", None, None, None, None, None)]
    return [
        (
            name,
            status.connection.status,
            each.schedule.frequency,
            f"{each.schedule.cron} {each.schedule.timezone}",
            each.schedule.next_run_at if each.schedule.enabled else f"paused: {each.schedule.disabled_reason}",
            None if each.last_run is None else f"{cell(each.last_run.logged_at)} {each.last_run.outcome}",
            None if each.job is None else each.job.state,
        )
        for each in status.schedules
    ]


def _queue(status: SyncStatus) -> str:
    since = f", the oldest since {cell(status.oldest_due_at)}" if status.due else ""
    queued = f"Queued: {status.queued} ({status.due} due{since})."
    return f"{queued} Running: {status.running}. Stalled: {status.stalled}."


def _schedulers(status: SyncStatus) -> str:
    alive = [f"{each.host} (process {each.pid}, last beat {cell(each.last_beat_at)})" for each in status.workers]
    return f"Schedulers: {', '.join(alive)}." if alive else NOBODY


def _what(entry: LogEntry) -> str | None:
    told = " ".join(filter(None, [entry.error_code, entry.message]))
    return told or ("simulated" if entry.simulated else None)
