"""The ports as a simulated process has them: slow, sometimes away, and places where a process can die."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

from anselai.domain.claim_limits import ClaimLimits
from anselai.domain.errors import IdempotencyKeyReused, StoreUnavailable
from anselai.domain.ports.schedules import PlannedSlot
from tests.simulation.process import Process, World

_read_at: ContextVar[datetime | None] = ContextVar("anselai_simulated_reading", default=None)

ALWAYS_YIELDS = 0.9  # of all calls let others run first, as a real one does


class Port:
    """A port as a process sees it. It has the methods of the port behind it, each with its dangers."""

    def __init__(self, process: Process, port: Any) -> None:
        self._process, self._port = process, port

    def __getattr__(self, name: str) -> Any:
        call = _fragile(self._process, name, getattr(self._port, name))
        setattr(self, name, call)
        return call


def _fragile(process: Process, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    world, chance = process.world, process.chance.random
    witnessed = _WITNESSED.get(name)

    async def call(*args: Any) -> Any:
        pace = 1.0 if world.calm else chance()
        trouble = process.trouble_at(name)
        await _arrive(process, pace)
        if trouble is not None and not trouble.done:
            await process.suffer(trouble)
        process.check()
        answer = await method(*args) if witnessed is None else await witnessed(process, method, *args)
        if trouble is not None and trouble.done:
            await process.suffer(trouble)
        await _return(process, pace)
        return answer

    return call


async def _arrive(process: Process, pace: float) -> None:
    """The way to the store, which may take its time, or find nobody there."""
    process.check()
    world = process.world
    if pace < world.dangers.slow_call:
        await asyncio.sleep(process.chance.random() * world.dangers.slowest_call)
    elif pace < ALWAYS_YIELDS:
        await asyncio.sleep(0)
    if process.thawing is not None:
        await process.breathe()
    if world.away_until > world.clock.monotonic():
        await _unreachable(world, process.chance.random)


async def _return(process: Process, pace: float) -> None:
    """The way of the answer. What happens on it, the store does not know."""
    if pace < process.world.dangers.slow_call / 2:
        await asyncio.sleep(process.chance.random() * process.world.dangers.slowest_call)
    if process.thawing is not None:
        await process.breathe()
    process.check()


async def _unreachable(world: World, chance: Callable[[], float]) -> None:
    """The store is away: it refuses, or is silent until the driver gives up."""
    if world.away_silently:
        await asyncio.sleep(5 + 10 * chance())
    raise StoreUnavailable


# Each adapter's method runs through without awaiting anything, so what is noted around it is noted in the same instant.


async def _claim(process: Process, method: Any, worker: UUID, limit: int, lease: Any, limits: ClaimLimits) -> Any:
    claimed = await method(worker, limit, lease, limits)
    for each in claimed:
        process.world.witness.claimed(process.name, each.job, limits)
        process.world.witness.note(process.name, "claim", each.job.id)
    process.world.counts["attempts"] = process.world.counts.get("attempts", 0) + len(claimed)
    return claimed


async def _store(process: Process, method: Any, lease: Any, *args: Any) -> Any:
    witness = process.world.witness
    holder = witness.stories[lease.job_id].holder
    answer = await method(lease, *args)
    witness.note(process.name, "store", lease.job_id)
    if holder != (lease.fence, process.name):
        witness.wrote(process.name, lease, "a store")
    return answer


async def _renew(process: Process, method: Any, leases: Any, *args: Any) -> Any:
    renewed = await method(leases, *args)
    for lease in leases:
        if lease.job_id in renewed:
            process.world.witness.wrote(process.name, lease, "a renewal")
    return renewed


async def _finish(process: Process, method: Any, results: Any) -> Any:
    witness = process.world.witness
    holders = {each.lease.job_id: witness.stories[each.lease.job_id].holder for each in results}
    accepted = await method(results)
    open_results = set(accepted)
    for each in results:
        job_id, fence = each.lease.job_id, each.lease.fence
        witness.note(process.name, f"finish {each.outcome} {job_id in accepted}", job_id)
        if job_id in open_results and holders[job_id] == (fence, process.name):
            open_results.discard(job_id)
            witness.finished(each)
    for job_id in open_results:
        witness.accuse(f"job {job_id.int & 0xFFFFFF}: a finish of {process.name}, held by {holders[job_id]}")
    return accepted


async def _due(process: Process, method: Any, *args: Any) -> Any:
    answer = await method(*args)
    _read_at.set(answer.now)
    return answer


async def _commit(process: Process, method: Any, planned: Sequence[PlannedSlot]) -> Any:
    schedules, witness = process.world.store.schedules, process.world.witness
    seen = [each.plan.schedule for each in planned]
    as_they_are = sum(schedules.get((each.key, each.frequency)) == each for each in seen)
    witness.read_at = _read_at.get()
    try:
        held = await method(planned)
    finally:
        witness.read_at = None
    if held != as_they_are:
        witness.accuse(f"{held} plans of {process.name} held, but {as_they_are} were of schedules as they are")
    return held


async def _enqueue(process: Process, method: Any, job_id: UUID, *request: Any) -> Any:
    witness, jobs = process.world.witness, process.world.store.jobs
    try:
        queued = await method(job_id, *request)
    except IdempotencyKeyReused:
        witness.requested(jobs, None, *request)
        raise
    witness.requested(jobs, queued.job.id, *request)
    return queued


_WITNESSED: dict[str, Callable[..., Awaitable[Any]]] = {
    "claim": _claim,
    "store": _store,
    "renew": _renew,
    "finish": _finish,
    "due": _due,
    "due_of": _due,
    "commit": _commit,
    "enqueue": _enqueue,
}
