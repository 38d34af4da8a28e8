"""When a sync runs next, and why things are as they are: what is known of it, in sentences. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from anselai.application.explain_log import tell_log
from anselai.application.phrases import LocalTime, counted, distance, ordinal, quoted
from anselai.application.views import FrequencyExplanation, ScheduleView
from anselai.domain.connection import ConnectionStatus, PlatformConnection
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.schedule import MISFIRE_GRACE, CatchUp
from anselai.domain.sync_job import JobState, SyncJob, Trigger

MOST_EVENTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one frequency of a connection at the instant `now`.

    `rows` are the newest of its log, newest first, and all of it if `complete`.
    """

    now: datetime
    connection: PlatformConnection
    schedule: ScheduleView
    job: SyncJob | None
    rows: Sequence[LogEntry]
    complete: bool
    installed: bool
    scheduler_runs: bool

    @property
    def paused(self) -> bool:
        """As planning sees it: a token that ran out but can be refreshed pauses nothing."""
        return self.connection.status is ConnectionStatus.EXPIRED


def explain(facts: Facts) -> FrequencyExplanation:
    time = LocalTime.of(facts.now, facts.schedule.timezone)
    past = [row for row in facts.rows if facts.job is None or row.job_id != facts.job.id]  # the job is told by itself
    events = tell_log(past, time, at_most=MOST_EVENTS, complete=facts.complete)
    sentences = [*_obstacles(facts, time), *_slot_that_waits(facts), *_job(facts, time), *events]
    if not events and facts.job is None:
        sentences.append("It has not run yet.")
    if (events or facts.job is not None) and (facts.paused or facts.schedule.next_run_at is None):
        sentences.append(f"Times are those of {facts.schedule.timezone}.")  # which the headline does not name
    return FrequencyExplanation(
        frequency=facts.schedule.frequency,
        enabled=facts.schedule.enabled,
        headline=_headline(facts, time),
        sentences=tuple(sentences),
    )


def _headline(facts: Facts, time: LocalTime) -> str:
    schedule = facts.schedule
    it = f"The {schedule.frequency} sync of {schedule.platform}"
    if schedule.next_run_at is None:
        return f"{it} is off{quoted(schedule.disabled_reason)}"
    if facts.paused:
        return f"{it} is paused: the connection expired; connect it again."
    when = f"{time.at(schedule.next_run_at)} {schedule.timezone}, {distance(schedule.next_run_at - facts.now)}"
    return f"{it} {'was due' if schedule.next_run_at <= facts.now else 'runs next'} {when}."


def _obstacles(facts: Facts, time: LocalTime) -> Iterator[str]:
    """What keeps it from running, or will, and what to do about each."""
    connection, platform, schedule = facts.connection, facts.schedule.platform, facts.schedule
    new_tokens = f"anselai connections update {platform} --new-tokens"
    if not schedule.enabled:
        yield f"Switch it on again with: anselai sync resume {platform} --frequency {schedule.frequency}"
    if schedule.warning is not None:
        yield schedule.warning
    if not facts.installed:
        yield f"No client for {platform} is installed, so its runs fail: install the plug-in that brings it."
    if facts.paused:
        yield f"The connection expired{quoted(connection.last_error_code, connection.last_error)}"
        yield f"It goes on by itself once new tokens are given with: {new_tokens}"
    elif connection.status is ConnectionStatus.ERROR:
        why = quoted(connection.last_error_code, connection.last_error)
        yield f"The connection has an error, which the next run that succeeds clears{why}"
    if not facts.paused and connection.token_expires_at is not None and connection.token_expires_at <= facts.now:
        ran_out = f"The access token ran out {time.at(connection.token_expires_at)}"
        if connection.refresh_token is not None:
            yield f"{ran_out}; the next run gets a new one by itself."
        else:
            yield f"{ran_out}, and there is no refresh token, so the next run fails. Give new tokens with: {new_tokens}"
    if not facts.scheduler_runs and (schedule.enabled or facts.job is not None):
        yield "No scheduler is running, so nothing runs. Start one with: anselai serve"


def _slot_that_waits(facts: Facts) -> Iterator[str]:
    """A slot that should have become a run by now."""
    due = facts.schedule.next_run_at
    if due is None or facts.now - due <= MISFIRE_GRACE:
        return
    if facts.job is not None and facts.schedule.catch_up is CatchUp.ALL:
        yield "It waits until the run under way is over, since this schedule catches up with every slot, one by one."
    elif facts.scheduler_runs:
        yield "It is overdue, although a scheduler is running: see what that one logs."


def _job(facts: Facts, time: LocalTime) -> Iterator[str]:
    job = facts.job
    if job is None:
        return
    if job.state is JobState.RUNNING:
        yield _running(facts, job, time)
    elif job.run_after > facts.now:
        yield _waiting(facts, job, time)
    else:
        yield _due(facts, job, time)


def _running(facts: Facts, job: SyncJob, time: LocalTime) -> str:
    since = time.at(job.started_at or job.created_at)
    why = quoted(job.last_error_code, job.last_error) if job.attempt > 1 else "."
    again = f" The attempt before it ended early{why}" if job.attempt > 1 else ""
    if job.lease_expires_at is not None and job.lease_expires_at <= facts.now:
        lost = f"{_run(job, time)} has stalled: whoever began its {ordinal(job.attempt)} attempt {since} fell silent"
        takes_over = (
            "another scheduler takes it up within seconds" if facts.scheduler_runs else "the next scheduler takes it up"
        )
        return f"{lost}, and its lease ended {time.at(job.lease_expires_at)}; {takes_over}.{again}"
    so_far = f", with {counted(job.records, 'record')} so far" if job.records else ""
    return f"{_run(job, time)} is under way: its {ordinal(job.attempt)} attempt began {since}{so_far}.{again}"


def _waiting(facts: Facts, job: SyncJob, time: LocalTime) -> str:
    since = next((row.logged_at for row in facts.rows if row.job_id == job.id), job.created_at)
    then = f"{time.at(job.run_after)}, {distance(job.run_after - facts.now)}"
    attempt = ordinal(job.attempt + 1)
    why = quoted(job.last_error_code, job.last_error)
    return f"It waits since {time.name(since)} for its {attempt} attempt, {then}{why}"


def _due(facts: Facts, job: SyncJob, time: LocalTime) -> str:
    due = f"{_run(job, time)} is in the queue since {time.name(job.run_after)}"
    if not facts.scheduler_runs:
        return f"{due}, and starts when a scheduler does."
    if facts.now - job.run_after <= MISFIRE_GRACE:
        return f"{due}, and starts at any moment."
    return f"{due}, {distance(job.run_after - facts.now)}: it is overdue, so every scheduler that runs may be busy."


def _run(job: SyncJob, time: LocalTime) -> str:
    if job.slot_at is not None:
        return f"The run of {time.name(job.slot_at)}"
    kind = "manual run" if job.trigger is Trigger.MANUAL else "run"
    return f"The {kind} of {time.name(job.created_at)}"
