"""Why the last slots and runs of a sync went as they did: rows of its log, in sentences. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from anselai.application.phrases import LocalTime, counted, length, ordinal, quoted
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.sync_job import Outcome, Trigger


@dataclass(frozen=True, slots=True)
class Event:
    """Rows that are told together, newest first: the attempts of one run, or slots that went alike one after another.

    `cut` when older rows of it may have been left out.
    """

    rows: Sequence[LogEntry]
    cut: bool = False

    @property
    def newest(self) -> LogEntry:
        return self.rows[0]


def tell_log(rows: Sequence[LogEntry], time: LocalTime, *, at_most: int, complete: bool) -> Sequence[str]:
    """A sentence for each of the newest events in these rows of one frequency, which come newest first.

    `complete` when there are no older rows than these.
    """
    return [_TELL[each.newest.outcome](each, time) for each in _events(rows, complete=complete)[:at_most]]


def _events(rows: Sequence[LogEntry], *, complete: bool) -> Sequence[Event]:
    groups: list[list[LogEntry]] = []
    runs: dict[object, list[LogEntry]] = {}
    for row in rows:
        if row.job_id is None and groups and _alike(groups[-1][0], row):
            groups[-1].append(row)
        elif row.job_id in runs:
            runs[row.job_id].append(row)
        else:
            groups.append([row])
            if row.job_id is not None:
                runs[row.job_id] = groups[-1]
    events = [Event(group) for group in groups]
    if complete or not events:
        return events
    *whole, last = events
    if last.newest.job_id is None:
        return [*whole, Event(last.rows, cut=True)]
    return whole or [Event(last.rows, cut=True)]


def _alike(newer: LogEntry, older: LogEntry) -> bool:
    return newer.job_id is None and (newer.outcome, newer.message) == (older.outcome, older.message)


def _succeeded(event: Event, time: LocalTime) -> str:
    tries = event.newest.attempt or 1
    after = f" after {counted(tries, 'attempt')}" if tries > 1 else ""
    if event.cut:
        return f"{_run(event, time)} succeeded{after}."
    simulated = ", simulated" if any(row.simulated for row in event.rows) else ""
    brought = counted(sum(row.records for row in event.rows), "record")
    return f"{_run(event, time)} succeeded{after}: {brought} in {length(_time_spent(event))}{simulated}."


def _failed(event: Event, time: LocalTime) -> str:
    tries = event.newest.attempt or 1
    when = f"after {counted(tries, 'attempt')}" if tries > 1 else "at its first attempt"
    return f"{_run(event, time)} failed {when}{_why(event)}"


def _stalled(event: Event, time: LocalTime) -> str:
    return f"{_run(event, time)} was stopped at its {_attempt(event)}, since it got nowhere{_why(event)}"


def _retrying(event: Event, time: LocalTime) -> str:
    return f"{_run(event, time)} was to be tried again after its {_attempt(event)}, which failed{_why(event)}"


def _abandoned(event: Event, time: LocalTime) -> str:
    return f"{_run(event, time)} was to be tried again after its {_attempt(event)}, which was lost{_why(event)}"


def _released(event: Event, time: LocalTime) -> str:
    return f"{_run(event, time)} was to go on after its {_attempt(event)}, which ended early{_why(event)}"


def _cancelled(event: Event, time: LocalTime) -> str:
    attempt = event.newest.attempt
    if attempt is None:
        when = "before it started"
    elif any(row.attempt == attempt for row in event.rows[1:]):
        when = f"while it waited for its {ordinal(attempt + 1)} attempt"
    else:
        when = f"during its {ordinal(attempt)} attempt"
    return f"{_run(event, time)} was cancelled {when}{_why(event)}"


def _missed(event: Event, time: LocalTime) -> str:
    slots, plural = _slots(event, time)
    return f"{slots} {'were' if plural else 'was'} missed{_why(event)}"


def _did_not_run(event: Event, time: LocalTime) -> str:
    slots, _ = _slots(event, time)
    return f"{slots} did not run{_why(event)}"


def _api_error(event: Event, time: LocalTime) -> str:
    times = sum(row.count for row in event.rows)
    often = f", {counted(times, 'time')}" if times > 1 else ""
    route = f" to {event.newest.route}" if event.newest.route else ""
    return f"A call{route} was refused {time.at(event.newest.logged_at)}{often}{_why(event)}"


_TELL: Final[dict[Outcome, Callable[[Event, LocalTime], str]]] = {
    Outcome.SUCCEEDED: _succeeded,
    Outcome.FAILED: _failed,
    Outcome.STALLED: _stalled,
    Outcome.RETRYING: _retrying,
    Outcome.ABANDONED: _abandoned,
    Outcome.RELEASED: _released,
    Outcome.CANCELLED: _cancelled,
    Outcome.OVERLAPPED: _did_not_run,
    Outcome.MISSED: _missed,
    Outcome.COALESCED: _did_not_run,
    Outcome.PAUSED: _did_not_run,
    Outcome.API_ERROR: _api_error,
}


def _run(event: Event, time: LocalTime) -> str:
    newest, oldest = event.newest, event.rows[-1]
    if newest.slot_at is not None:
        return f"The run of {time.name(newest.slot_at)}"
    began = oldest.started_at or oldest.logged_at
    kind = "manual run" if newest.trigger is Trigger.MANUAL else "run"
    return f"The {kind} of {time.name(began)}"


def _attempt(event: Event) -> str:
    return f"{ordinal(event.newest.attempt or 1)} attempt"


def _slots(event: Event, time: LocalTime) -> tuple[str, bool]:
    """The subject of a sentence, and whether it is several slots."""
    firsts = [row.slot_at or row.logged_at for row in event.rows]
    lasts = [row.slot_last_at or row.slot_at or row.logged_at for row in event.rows]
    count = sum(row.count for row in event.rows)
    if count == 1:
        return f"The slot of {time.name(lasts[0])}", False
    at_least = "At least " if event.cut else ""
    return f"{at_least}{count:,} slots from {time.name(min(firsts))} to {time.name(max(lasts))}", True


def _time_spent(event: Event) -> timedelta:
    """In all attempts, but for lost ones: nobody knows how long they worked."""
    spent = timedelta()
    for row in event.rows:
        if row.outcome is not Outcome.ABANDONED and row.started_at is not None and row.finished_at is not None:
            spent += row.finished_at - row.started_at
    return spent


def _why(event: Event) -> str:
    return quoted(event.newest.error_code, event.newest.message)
