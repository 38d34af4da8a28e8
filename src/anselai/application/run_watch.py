"""Keeps the leases of running jobs alive, and holds the runs to their limits."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from anselai.application.running_jobs import Released, RunningJob, RunningJobs, ignored_cancellation
from anselai.application.survival import surviving
from anselai.domain.errors import AnselError, LeaseLost
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.jobs import SyncJobs

log = logging.getLogger("anselai.worker")

LOOK_EVERY = 0.5  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWatch:
    """`tell_end` is called with a run that ignores its cancellation, and why it had to end."""

    jobs: SyncJobs
    running: RunningJobs
    clock: Clock
    tell_end: Callable[[RunningJob, Exception], None]

    async def watch(self) -> None:
        """For ever. A renewal that fails is tried again at the next look."""
        renew_every = self.running.limits.lease.total_seconds() / 3
        renew_at = self.clock.monotonic() + renew_every * random.random()  # noqa: S311
        while True:
            await asyncio.sleep(min(LOOK_EVERY, renew_every))
            try:
                self._hold_to_limits()
                if self.clock.monotonic() >= renew_at:
                    with suppress(AnselError):
                        await self._renew()
                        renew_at = self.clock.monotonic() + renew_every
            except Exception:
                log.exception("The watch over running syncs met something unforeseen and goes on.")

    async def heed(self) -> None:
        """Let runs that somebody cancelled end now, for ever; without a notification the next renewal tells."""
        limits = self.running.limits
        while True:
            if await surviving(lambda: self.jobs.wait_for_cancellation(limits.lease), limits.idle_poll):
                await surviving(self._renew, limits.idle_poll)
                await asyncio.sleep(LOOK_EVERY)  # one renewal for many that are cancelled in turn

    def _hold_to_limits(self) -> None:
        now = self.clock.monotonic()
        for running, why in self.running.over_a_limit(now):
            running.cancel(why, now)
        for running in self.running.ignoring_cancellation(now):
            bug = ignored_cancellation(running)
            log.error("%s: %s", running.claimed.job.key.platform, bug)
            running.ignores_cancellation = True
            self.tell_end(running, running.ending if isinstance(running.ending, LeaseLost | Released) else bug)

    async def _renew(self) -> None:
        asked_at = self.clock.monotonic()
        held = [each for each in self.running.jobs.values() if not isinstance(each.ending, LeaseLost)]
        if not held:
            return
        lease = self.running.limits.lease
        renewed = await self.jobs.renew([each.claimed.job.lease for each in held], lease)
        for each in held:
            if each.id in renewed:
                each.held_until = asked_at + lease.total_seconds()
            elif each.id in self.running.jobs:
                each.cancel(LeaseLost(), self.clock.monotonic())
