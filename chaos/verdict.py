"""What became of every slot, judged by the database and by what really ran."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from chaos.evidence import Evidence, Job, Row
from chaos.population import Line
from chaos.trace import Execution, Key, overlaps

CLOCK = 0.05  # seconds: between an instant of the database and one of the client lies at least a way through the wire
ENDS_TWICE = {("abandoned", "failed")}  # an attempt whose worker is gone, and which was the last


@dataclass(slots=True, kw_only=True)
class Verdict:
    """Numbers of slots; and what is wrong with those that are, in words."""

    due: int = 0
    once: int = 0
    again: int = 0  # ran, was cut off, and ran again
    accounted: int = 0  # did not run, and a line of the log says why
    failed: int = 0
    doubled: int = 0
    lost: int = 0
    unaccounted: int = 0
    resumed: int = 0  # executions that went on from a checkpoint
    abandoned: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.doubled or self.lost or self.unaccounted or self.problems)


def judge(
    population: Sequence[Line],
    evidence: Evidence,
    ran: Mapping[Key, Sequence[Execution]],
    *,
    until: datetime,
    lease: float,
) -> Verdict:
    """Every slot that was due until then. `lease` is in seconds: nobody may take work away before it is over."""
    verdict = Verdict()
    for line in population:
        key = (line.studio, line.frequency)
        jobs, log, mine = evidence.jobs.get(key, []), evidence.log.get(key, []), ran.get(key, [])
        _judge_slots(line, jobs, log, until, verdict)
        _judge_attempts(line, jobs, log, verdict)
        _judge_executions(key, jobs, log, mine, lease, verdict)
        verdict.resumed += sum(one.cursor != "-" for one in mine)
        verdict.abandoned += sum(row.outcome == "abandoned" for row in log)
    return verdict


def _judge_slots(line: Line, jobs: Sequence[Job], log: Sequence[Row], until: datetime, verdict: Verdict) -> None:
    by_slot: dict[datetime, list[Job]] = {}
    for job in jobs:
        by_slot.setdefault(job.slot, []).append(job)
    ends = Counter(row.job for row in log if row.is_final)
    succeeded = {row.job for row in log if row.outcome == "succeeded"}
    ranges = [row for row in log if row.job is None]
    slots = list(line.slots(until))
    verdict.due += len(slots)
    for slot in slots:
        of_slot = by_slot.get(slot, [])
        ended = sum(ends[job.id] for job in of_slot)
        covering = sum(row.slot <= slot <= row.last_slot for row in ranges)
        told = f"{line.studio} {slot}"
        if ended > 1 or len(of_slot) > 1:
            verdict.doubled += 1
            verdict.problems.append(f"{told} ended {ended} times, in {len(of_slot)} jobs")
        elif not of_slot and not covering:
            verdict.lost += 1
            verdict.problems.append(f"{told} is lost: there is no row of it")
        elif ended + covering != 1:
            verdict.unaccounted += 1
            states = [(job.state, job.attempt) for job in of_slot]
            verdict.problems.append(f"{told} has {ended} ends and {covering} other rows; jobs: {states}")
        elif covering:
            verdict.accounted += 1
        elif of_slot[0].id not in succeeded:
            verdict.failed += 1
        elif of_slot[0].attempt > 1:
            verdict.again += 1
        else:
            verdict.once += 1
    for problem in _strange_rows(line, log, ranges):
        verdict.unaccounted += 1
        verdict.problems.append(problem)


def _strange_rows(line: Line, log: Sequence[Row], ranges: Sequence[Row]) -> Iterator[str]:
    """Rows for slots that there are not, and rows that stand for another number of slots than they say."""
    if not log:
        return
    slots = list(line.slots(max(row.last_slot for row in log)))
    known = set(slots)
    for row in log:
        if row.slot not in known or row.last_slot not in known:
            yield f"{line.studio} {row.outcome}: {row.slot} to {row.last_slot} are no slots of it"
    for row in ranges:
        meant = sum(row.slot <= slot <= row.last_slot for slot in slots)
        if meant != row.count:
            yield f"{line.studio} {row.outcome}: {meant} slots from {row.slot} on, and the row says {row.count}"


def _judge_attempts(line: Line, jobs: Sequence[Job], log: Sequence[Row], verdict: Verdict) -> None:
    """Each attempt that is over has one row, and what was stored is exactly what the client gave."""
    rows: dict[tuple[UUID, int], list[str]] = {}
    for row in log:
        if row.job is not None:
            rows.setdefault((row.job, row.attempt or 0), []).append(row.outcome)
    for job in jobs:
        told = f"{line.studio} {job.slot}"
        over = job.attempt if job.state != "running" else job.attempt - 1
        for attempt in range(1, over + 1):
            outcomes = rows.get((job.id, attempt), [])
            if not outcomes:
                verdict.unaccounted += 1
                verdict.problems.append(f"{told}: attempt {attempt} of {job.attempt} left no row")
            elif len(outcomes) > 1 and tuple(outcomes) not in ENDS_TWICE:
                verdict.doubled += 1
                verdict.problems.append(f"{told}: attempt {attempt} was accepted as {outcomes}")
        if job.state == "succeeded" and job.records != line.steps:
            verdict.unaccounted += 1
            verdict.problems.append(f"{told}: {job.records} records were stored, and the client gave {line.steps}")


def _judge_executions(
    key: Key, jobs: Sequence[Job], log: Sequence[Row], ran: Sequence[Execution], lease: float, verdict: Verdict
) -> None:
    """What really ran: nothing unclaimed, nothing said that did not happen, and no two that both held a lease."""
    claimed, succeeded = sum(job.attempt for job in jobs), sum(job.state == "succeeded" for job in jobs)
    completed = sum(one.completed for one in ran)
    if len(ran) > claimed:
        verdict.doubled += len(ran) - claimed
        verdict.problems.append(f"{key[0]} ran {len(ran)} times, and was claimed {claimed} times")
    if succeeded > completed:
        verdict.unaccounted += succeeded - completed
        verdict.problems.append(f"{key[0]} succeeded {succeeded} times, and really ended {completed} times")
    abandoned = [row for row in log if row.outcome == "abandoned"]
    for row in abandoned:
        if row.logged_at - row.started_at < lease - CLOCK:
            verdict.problems.append(f"{key[0]} was taken away {row.logged_at - row.started_at:.3f} s after its claim")
    lost_leases = [row for row in abandoned if row.logged_at - row.started_at >= lease - CLOCK]
    for earlier, later in overlaps(ran):
        if not any(
            row.started_at <= earlier.started_at + CLOCK and row.logged_at <= later.started_at + CLOCK
            for row in lost_leases
        ):
            verdict.doubled += 1
            verdict.problems.append(
                f"{key[0]} ran at {later.started_at:.3f} while the run of {earlier.started_at:.3f} held its lease"
            )
