"""A scheduler daemon's work: plan due slots, claim jobs, run them, write how they went, and stop in order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from anselai.application.refresh_keeper import RefreshKeeper
from anselai.application.result_writer import ResultWriter
from anselai.application.run_watch import RunWatch
from anselai.application.running_jobs import Released, RunningJob, RunningJobs, WorkerLimits
from anselai.application.slot_planner import SlotPlanner
from anselai.application.survival import surviving
from anselai.application.sync_runner import SyncRunner
from anselai.application.worker_chores import WorkerChores
from anselai.domain.errors import ClientBug, LeaseLost
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.schedules import Schedules
from anselai.domain.ports.telemetry import Telemetry
from anselai.domain.ports.workers import Workers
from anselai.domain.sync_job import AttemptResult, ClaimedJob

T = TypeVar("T")
log = logging.getLogger("anselai.worker")

ALREADY_DUE_POLL = timedelta(milliseconds=50)  # due, but somebody else is at it, or clocks differ a little


@dataclass(slots=True, kw_only=True)
class SyncWorker:
    """Any number of workers share one store; each can be killed at any time. One object runs once."""

    id: UUID
    host: str
    pid: int
    jobs: SyncJobs
    schedules: Schedules
    workers: Workers
    planner: SlotPlanner
    runner: SyncRunner
    keeper: RefreshKeeper
    clock: Clock
    telemetry: Telemetry
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    chores: WorkerChores = field(init=False)
    running: RunningJobs = field(init=False)
    writer: ResultWriter = field(init=False)
    place_is_free: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    hurried: bool = field(init=False, default=False)
    closing: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.chores = WorkerChores(
            id=self.id,
            host=self.host,
            pid=self.pid,
            jobs=self.jobs,
            workers=self.workers,
            clock=self.clock,
            telemetry=self.telemetry,
            pause=self.limits.idle_poll,
        )
        self.running = RunningJobs(limits=self.limits)
        self.writer = ResultWriter(jobs=self.jobs)

    async def run(self) -> None:
        """Work until `stop` is called, then let running jobs finish within the grace time or give them back.

        Raises RuntimeError when every place is taken by a run that ignores its cancellation: nothing but a new process
        helps then.
        """
        await self._surviving(self.chores.beat)
        loops = [
            asyncio.create_task(self._plan_loop(), name="plan"),
            asyncio.create_task(self._claim_loop(), name="claim"),
        ]
        watch = RunWatch(jobs=self.jobs, running=self.running, clock=self.clock, tell_end=self._told_to_end)
        background = [
            asyncio.create_task(watch.watch(), name="watch"),
            asyncio.create_task(watch.heed(), name="heed"),
            asyncio.create_task(self.chores.run(), name="chores"),
            asyncio.create_task(self._finish_loop(), name="finish"),
            asyncio.create_task(self.keeper.run(), name="keep tokens fresh"),
        ]
        try:
            await asyncio.gather(*loops)
            await self._let_jobs_finish()
        finally:
            self.closing = True
            for task in (*loops, *background, *self.running.tasks()):
                task.cancel()
            await asyncio.gather(*loops, *background, return_exceptions=True)
            await self._surviving(self.chores.leave)

    def stop(self, *, at_once: bool = False) -> None:
        """Claim nothing more, and let `run` come to its end; `at_once` gives running jobs back without any grace."""
        self.stopping.set()
        self.keeper.stop()
        self.hurried = self.hurried or at_once

    async def drain(self) -> int:
        """Plan and run everything that is due now, and return how many attempts that were. For tests and tools."""
        attempts = 0
        while True:
            while await self.planner.tick():
                pass
            room = self.running.claim_limits()
            claimed = await self.jobs.claim(self.id, self.limits.concurrency, self.limits.lease, room)
            if not claimed and not self.running.jobs:
                return attempts
            attempts += len(claimed)
            for each in claimed:
                self.start(each)
            while self.running.jobs:
                await self._until(self.writer.came)
                await self._flush()

    async def _plan_loop(self) -> None:
        while not self.stopping.is_set():
            if await self._surviving(self.planner.tick):
                continue
            await self._sleep_until_due(self.schedules.next_due_at)

    async def _claim_loop(self) -> None:
        while not self.stopping.is_set():
            if len(self.running.stuck) >= self.limits.concurrency:
                raise RuntimeError("every place is taken by a platform client that ignores its cancellation")
            self.place_is_free.clear()
            if self.running.free <= 0:
                await self._until(self.place_is_free)
                continue
            if not await self._surviving(self._claim) and not await self._surviving(self.chores.reclaim):
                await self._sleep_until_runnable()

    async def _claim(self) -> int:
        claimed_at = self.clock.monotonic()
        room = self.running.claim_limits()
        claimed = await self.jobs.claim(self.id, self.running.free, self.limits.lease, room)
        for each in claimed:
            self.start(each, claimed_at)
        return len(claimed)

    def start(self, claimed: ClaimedJob, claimed_at: float | None = None) -> None:
        """Start a run of a job that this worker claimed at that instant of the monotonic clock, or now."""
        now = self.clock.monotonic() if claimed_at is None else claimed_at
        running = RunningJob(
            claimed=claimed,
            progress=self.runner.progress_of(claimed),
            started_at=now,
            held_until=now + self.limits.lease.total_seconds(),
        )
        before = self.running.jobs.get(running.id)
        if before is not None and before.task is not None and not before.task.done():
            before.cancel(LeaseLost(), now)  # its lease ran out unnoticed, and the job came back to us
            before.told = True
            self.running.stuck.add(before)
        self.running.jobs[running.id] = running
        running.task = asyncio.create_task(self._run(running))
        job = claimed.job
        if job.attempt == 1 and job.slot_at is not None and job.started_at is not None:
            lateness = (job.started_at - job.slot_at).total_seconds()
            self.telemetry.run_started(job.key.platform, job.frequency, lateness)

    async def _run(self, running: RunningJob) -> None:
        try:
            result = await self._result(running)
        except Exception as unforeseen:
            log.exception("The result of a run could not be told.")
            result = self.runner.failed(running.claimed, running.progress, ClientBug(type(unforeseen).__name__))
        if running.told:  # by the watch, which found that it ignored its cancellation
            self.running.stuck.discard(running)
            self.place_is_free.set()
        elif not self.closing:
            self._ended(running, result)

    async def _result(self, running: RunningJob) -> AttemptResult | None:
        """What came of the run, or None when its lease is lost. Once a run was told to end, why it was told decides:
        its client may make anything of the cancellation.
        """
        try:
            result: AttemptResult | None = await self.runner.run(running.claimed, running.progress)
        except LeaseLost:
            result = None
        except asyncio.CancelledError:
            if running.ending is None and not self.closing:
                bug = ClientBug("The platform client cancelled its own run.")
                result = self.runner.failed(running.claimed, running.progress, bug)
            else:
                result = None
        return result if running.ending is None else self._result_of_ending(running, running.ending)

    def _result_of_ending(self, running: RunningJob, why: Exception) -> AttemptResult | None:
        if isinstance(why, LeaseLost):
            return None
        if isinstance(why, Released):
            return self.runner.released(running.claimed, running.progress)
        return self.runner.failed(running.claimed, running.progress, why)

    def _told_to_end(self, running: RunningJob, why: Exception) -> None:
        self._ended(running, self._result_of_ending(running, why))

    def _ended(self, running: RunningJob, result: AttemptResult | None) -> None:
        running.told = True
        if result is None:
            log.warning("A %s sync lost its lease: cancelled, or somebody else's.", running.claimed.job.key.platform)
            self._leave_place(running)
        else:
            running.ended_at = self.clock.monotonic()
            self.writer.add(result)
            self.place_is_free.set()

    def _leave_place(self, running: RunningJob) -> None:
        self.running.jobs.pop(running.id, None)
        if running.ignores_cancellation and running.task is not None and not running.task.done():
            self.running.stuck.add(running)
        self.place_is_free.set()

    async def _finish_loop(self) -> None:
        while True:
            await self.writer.came.wait()
            await self._surviving(self._flush)

    async def _flush(self) -> None:
        written = await self.writer.write()
        for result in written.results:
            running = self.running.jobs.get(result.lease.job_id)
            if running is not None and running.claimed.job.lease == result.lease:  # not a later claim of ours
                self._leave_place(running)
                if running.id in written.accepted:
                    self._tell_ended(running, result)

    def _tell_ended(self, running: RunningJob, result: AttemptResult) -> None:
        job = running.claimed.job
        duration = running.ended_at - running.started_at
        self.telemetry.attempt_ended(job.key.platform, job.frequency, result.outcome, duration)

    async def _let_jobs_finish(self) -> None:
        asked_at = self.clock.monotonic()
        grace = self.limits.stop_grace.total_seconds()
        last_call = grace + 2 * self.limits.cancel_grace.total_seconds()
        while self.running.jobs and (waited := self.clock.monotonic() - asked_at) < last_call:
            if self.hurried or waited >= grace:
                for running in tuple(self.running.jobs.values()):
                    running.cancel(Released(), self.clock.monotonic())
            await asyncio.sleep(0.01)

    async def _sleep_until_runnable(self) -> None:
        """With limits the end of a run makes room for a job that is due already. That of another process is not told:
        it is seen after at most one poll.
        """
        room = self.running.claim_limits()
        or_else = [self.place_is_free.wait] if room.platforms else []
        await self._sleep_until_due(lambda: self.jobs.next_run_at(room), *or_else)

    async def _sleep_until_due(
        self, next_at: Callable[[], Awaitable[datetime | None]], *or_else: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        due_at = await self._surviving(next_at)
        wait = self.limits.idle_poll
        if due_at is not None:
            until_due = due_at - self.clock.now()
            wait = min(wait, until_due if until_due > timedelta() else ALREADY_DUE_POLL)
        woken = self._surviving(lambda: self.jobs.wait_for_work(wait))
        waiting = [asyncio.create_task(each) for each in (woken, self.stopping.wait(), *(each() for each in or_else))]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _until(self, event: asyncio.Event) -> None:
        """Wait for the event, or for `stop`, at most for one poll."""
        try:
            async with asyncio.timeout(self.limits.idle_poll.total_seconds()):
                await event.wait()
        except TimeoutError:
            return

    async def _surviving(self, act: Callable[[], Awaitable[T]]) -> T | None:
        return await surviving(act, self.limits.idle_poll)
