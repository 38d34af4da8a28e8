"""The promises, checked over everything that was written in a run."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from anselai.domain import retry
from anselai.domain.sync_job import Outcome
from tests.simulation.process import World
from tests.simulation.scenario import Scenario
from tests.simulation.stories import Era, Story
from tests.simulation.timetable import RememberingTimetable
from tests.simulation.witness import FINAL, Witness

AT_ONCE = timedelta(seconds=1)
GIVEN_UP = (Outcome.ABANDONED, Outcome.FAILED)  # one attempt, two rows: it was abandoned, and the last of its job


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run came to. `fates` counts slots by how they ended."""

    scenario: Scenario
    broken: tuple[str, ...]
    slots: int
    fates: Counter[str]
    counts: dict[str, int]
    trace: tuple[str, ...]


def verdict(scenario: Scenario, world: World, cutoff: datetime, *, drained: bool) -> Verdict:
    witness = world.witness
    broken = list(witness.broken)
    if not drained and not broken:
        broken.append(f"not everything was done after hours of calm: {_left(world, cutoff)}")
    fates: Counter[str] = Counter()
    slots = 0
    if not broken:
        for era in witness.eras:
            slots += _account(era, witness.stories, cutoff, fates, broken)
        for story in witness.stories.values():
            broken.extend(_attempts(story))
    if scenario.is_calm and not broken:
        broken.extend(_calm(world, fates))
    return Verdict(
        scenario=scenario,
        broken=tuple(broken),
        slots=slots,
        fates=fates,
        counts=dict(world.counts),
        trace=tuple(_trace(witness, broken[0])) if broken else (),
    )


def _trace(witness: Witness, sentence: str) -> Iterator[str]:
    """What is known of the job that the sentence speaks of; if it speaks of none, the last events of all."""
    subject = re.search(r"job (\d+)", sentence)
    for at, who, what, about in witness.trace:
        if subject is None or not isinstance(about, UUID) or about.int & 0xFFFFFF == int(subject[1]):
            yield f"{at:%m-%d %H:%M:%S.%f} {who}: {what} {'' if about is None else about}"


def _left(world: World, cutoff: datetime) -> str:
    store = world.store
    jobs = [store.jobs[each] for each in islice(store.active.values(), 3)]
    due = [each for each in store.schedules.values() if each.next_slot_at <= cutoff]
    return f"jobs {jobs}, schedules {due[:3]}"


def _account(era: Era, stories: dict[UUID, Story], cutoff: datetime, fates: Counter[str], broken: list[str]) -> int:
    """Every slot of this stretch exactly once; how many there were."""
    end = cutoff if era.ended_at is None else era.ended_at
    told = [*(row.slot_last_at or end for row in era.rows), *era.jobs]
    chain = list(_chain(era, max([end, *told])))
    place = {slot: number for number, slot in enumerate(chain)}
    seen: dict[int, str] = {}
    for first, last, fate in _fates(era, stories, place, broken):
        for number in range(first, last + 1):
            if number in seen:
                broken.append(f"{era}: the slot {chain[number]} is {seen[number]} and {fate}")
            seen[number] = fate
    expected = sum(slot <= end for slot in chain)
    missing = [chain[number] for number in range(expected) if number not in seen]
    fates.update(fate for number, fate in seen.items() if number < expected)
    if missing:
        broken.append(f"{era}: {len(missing)} slots without a fate, {missing[0]} to {missing[-1]}")
    return expected


def _fates(
    era: Era, stories: dict[UUID, Story], place: dict[datetime, int], broken: list[str]
) -> Iterator[tuple[int, int, str]]:
    """The fates that the log tells of: the numbers of the first and the last slot, and what became of them."""
    for row in era.rows:
        first, last = place.get(row.slot_at or era.began_at), place.get(row.slot_last_at or era.began_at)
        if first is None or last is None or last - first + 1 != row.count:
            broken.append(f"{era}: a row {row.outcome} of {row.count} slots from {row.slot_at} to {row.slot_last_at}")
        else:
            yield first, last, row.outcome
    for slot, job_id in era.jobs.items():
        endings = [row.outcome for row in stories[job_id].rows if row.outcome in FINAL]
        if slot not in place or len(endings) != 1:
            broken.append(f"{era}: the job of {slot} ended {len(endings)} times")
        else:
            yield place[slot], place[slot], endings[0]


def _chain(era: Era, end: datetime) -> Iterator[datetime]:
    timetable, slot = RememberingTimetable(), era.first
    while slot <= end:
        yield slot
        slot = timetable.next_after(era.rhythm[1], era.cron, era.timezone, slot)


def _attempts(story: Story) -> Iterator[str]:
    """Every attempt has its row, and budgets hold."""
    assert story.job is not None
    name = f"job {story.job.id.int & 0xFFFFFF}"
    by_attempt: dict[int, list[Outcome]] = {}
    for row in story.rows:
        by_attempt.setdefault(row.attempt or 0, []).append(row.outcome)
    for attempt in range(1, story.job.attempt + 1):
        outcomes = by_attempt.get(attempt, [])
        queued_when_removed = len(outcomes) == 2 and outcomes[1] is Outcome.CANCELLED
        if len(outcomes) != 1 and tuple(outcomes) != GIVEN_UP and not queued_when_removed:
            yield f"{name}: attempt {attempt} has the rows {outcomes}"
    spent = sum(
        row.outcome in (Outcome.RETRYING, Outcome.ABANDONED) and row.error_class == "transient" for row in story.rows
    )
    if spent > retry.ATTEMPTS + retry.ATTEMPTS_WITH_PROGRESS:
        yield f"{name}: {spent} failed attempts"


def _calm(world: World, fates: Counter[str]) -> Iterator[str]:
    """When nothing goes wrong, every slot succeeds, at the first attempt, and starts at once."""
    if set(fates) != {Outcome.SUCCEEDED}:
        yield f"all was calm, and yet: {fates}"
    for story in world.witness.stories.values():
        late = story.rows[0].started_at - story.slot_at if story.slot_at and story.rows[0].started_at else timedelta()
        if len(story.rows) > 1 or late > AT_ONCE:
            yield f"all was calm, and yet the slot {story.slot_at} took {len(story.rows)} attempts, {late} late"
