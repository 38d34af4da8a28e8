"""The jobs that this process is running, and the limits that it holds them to."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from anselai.application.sync_runner import RunProgress
from anselai.domain.claim_limits import NO_LIMITS, ClaimLimits
from anselai.domain.errors import ClientBug, LeaseLost, TransientFailure
from anselai.domain.sync_job import ClaimedJob


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """How much one worker does at once, and for how long. `stop_grace` is what running jobs get at shutdown.

    `runs_per_process` and `runs_per_fleet` limit platforms, by name; the fleet's limits have to be the same everywhere.
    """

    concurrency: int = 200
    lease: timedelta = timedelta(seconds=60)
    run_limit: timedelta = timedelta(minutes=30)
    no_progress_limit: timedelta = timedelta(minutes=5)
    cancel_grace: timedelta = timedelta(seconds=5)
    stop_grace: timedelta = timedelta(seconds=20)
    idle_poll: timedelta = timedelta(seconds=1)
    runs_per_process: Mapping[str, int] = field(default_factory=dict)
    runs_per_fleet: Mapping[str, int] = field(default_factory=dict)


class Released(Exception):
    """Not an error: the worker stops and gives the job back."""


@dataclass(slots=True, kw_only=True, eq=False)
class RunningJob:
    """One job under way. Instants are seconds of the monotonic clock."""

    claimed: ClaimedJob
    progress: RunProgress
    started_at: float
    held_until: float
    ended_at: float = 0.0
    task: "asyncio.Task[None] | None" = None
    ending: Exception | None = None
    cancelled_at: float | None = None
    told: bool = False  # its result is on its way to the store
    ignores_cancellation: bool = False

    @property
    def id(self) -> UUID:
        return self.claimed.job.id

    def cancel(self, reason: Exception, now: float) -> None:
        """Ask the run to end. Asking again changes nothing."""
        if self.cancelled_at is None and self.task is not None:
            self.ending, self.cancelled_at = reason, now
            self.task.cancel()


@dataclass(slots=True, kw_only=True)
class RunningJobs:
    """`stuck` are runs that ignored their cancellation: their result is told, but each keeps its place occupied."""

    limits: WorkerLimits
    jobs: dict[UUID, RunningJob] = field(default_factory=dict)
    stuck: set[RunningJob] = field(default_factory=set)

    @property
    def free(self) -> int:
        """How many more may start. A run that has ended takes no place, but only as many as may run wait to be told."""
        at_most = self.limits.concurrency
        ended = sum(each.told and not each.ignores_cancellation for each in self.jobs.values())
        return min(at_most - (len(self.jobs) - ended) - len(self.stuck), 2 * at_most - len(self.jobs))

    def claim_limits(self) -> ClaimLimits:
        """What a claim is held to now. A run takes its platform's room for as long as its client may be at it."""
        limits = self.limits
        if not limits.runs_per_process and not limits.runs_per_fleet:
            return NO_LIMITS
        at_it = [each for each in self.jobs.values() if not each.told or each.ignores_cancellation]
        busy = Counter(each.claimed.job.key.platform for each in (*at_it, *self.stuck))
        here = {platform: max(0, most - busy[platform]) for platform, most in limits.runs_per_process.items()}
        return ClaimLimits(here=here, fleet=limits.runs_per_fleet)

    def tasks(self) -> "list[asyncio.Task[None]]":
        return [each.task for each in (*self.jobs.values(), *self.stuck) if each.task is not None]

    def over_a_limit(self, now: float) -> list[tuple[RunningJob, Exception]]:
        """The runs that have to end, each with why."""
        return [
            (each, why)
            for each in self.jobs.values()
            if not each.told and (why := self._why_end(each, now)) is not None
        ]

    def ignoring_cancellation(self, now: float) -> list[RunningJob]:
        grace = self.limits.cancel_grace.total_seconds()
        return [
            each
            for each in self.jobs.values()
            if not each.told and each.cancelled_at is not None and now > each.cancelled_at + grace
        ]

    def _why_end(self, running: RunningJob, now: float) -> Exception | None:
        limits = self.limits
        if now >= running.held_until:
            return LeaseLost()
        if now - running.started_at > limits.run_limit.total_seconds():
            return TransientFailure(f"The run was stopped at its limit of {limits.run_limit}.")
        if now - running.progress.progressed_at > limits.no_progress_limit.total_seconds():
            return TransientFailure(f"The run was stopped: nothing came in for {limits.no_progress_limit}.")
        return None


def ignored_cancellation(running: RunningJob) -> ClientBug:
    reason = f" ({running.ending})" if running.ending is not None else ""
    return ClientBug(f"The platform client ignored its cancellation{reason}; its place stays occupied until it ends.")
