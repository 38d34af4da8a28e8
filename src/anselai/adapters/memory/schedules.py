"""Schedules in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from anselai.adapters.memory.log_rows import slots_row
from anselai.adapters.memory.store import MemoryStore, Rhythm
from anselai.adapters.memory.wakeups import note_asking
from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import ConnectionChanged, NotFound
from anselai.domain.frequency import Frequency
from anselai.domain.ports.schedules import DueSchedules, PlannedSlot, Schedules
from anselai.domain.schedule import CatchUp, DueSchedule, SlotPlan, SlotRange, SyncSchedule
from anselai.domain.sync_job import JobState, Outcome, SyncJob, Trigger

OVERLAPPED = "a run of this slot or of this frequency was there already"
SWITCHED_OFF = "the schedule was switched off"
EXPIRED = "the connection had expired"

_ORDER = {frequency: place for place, frequency in enumerate(Frequency)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySchedules(Schedules):
    store: MemoryStore

    async def get(self, key: ConnectionKey, frequency: Frequency) -> SyncSchedule:
        self.store.connection(key)
        try:
            return self.store.schedules[key, frequency]
        except KeyError:
            raise NotFound(f"{key.platform} has no {frequency} schedule.") from None

    async def list(self, studio: str) -> Sequence[SyncSchedule]:
        found = (each for each in self.store.schedules.values() if each.key.studio == studio)
        return sorted(found, key=lambda each: (each.key.platform, _ORDER[each.frequency]))

    async def save(self, schedule: SyncSchedule) -> SyncSchedule:
        self.store.connection(schedule.key)
        stored = self.store.schedules.get((schedule.key, schedule.frequency))
        if stored is not None and (stored.version != schedule.version or self._passes_over_a_slot(stored, schedule)):
            raise ConnectionChanged(schedule.key.platform)
        saved = self.store.put_schedule(replace(schedule, version=schedule.version + 1))
        self.store.wakeups.wake()
        return saved

    async def due(self, limit: int) -> DueSchedules:
        note_asking()
        now = self.store.clock.now()
        return self._due(now, self.store.next_slots.due(now, limit, self._is_to_be_planned))

    async def due_of(self, key: ConnectionKey, frequency: Frequency) -> DueSchedules:
        now, rhythm = self.store.clock.now(), (key, frequency)
        stored = self.store.schedules.get(rhythm)
        is_due = stored is not None and stored.next_slot_at <= now
        return self._due(now, [rhythm] if is_due else [])

    async def commit(self, planned: Sequence[PlannedSlot]) -> int:
        now = self.store.clock.now()
        held = sum(self._commit(each.plan, each.job_id, now) for each in planned)
        if held:
            self.store.wakeups.wake()
        return held

    async def next_due_at(self) -> datetime | None:
        return self.store.next_slots.first_at(self._is_to_be_planned)

    def _due(self, now: datetime, rhythms: Sequence[Rhythm]) -> DueSchedules:
        return DueSchedules(
            now=now,
            schedules=[
                DueSchedule(
                    schedule=self.store.schedules[rhythm],
                    in_flight=rhythm in self.store.active,
                    paused_because=self._why_paused(self.store.schedules[rhythm]),
                )
                for rhythm in rhythms
            ],
        )

    def _passes_over_a_slot(self, stored: SyncSchedule, changed: SyncSchedule) -> bool:
        return changed.next_slot_at != stored.next_slot_at and stored.next_slot_at <= self.store.clock.now()

    def _is_to_be_planned(self, rhythm: Rhythm) -> bool:
        return self.store.schedules[rhythm].catch_up is not CatchUp.ALL or rhythm not in self.store.active

    def _why_paused(self, schedule: SyncSchedule) -> str | None:
        if not schedule.enabled:
            return f"{SWITCHED_OFF}: {schedule.disabled_reason}" if schedule.disabled_reason else SWITCHED_OFF
        if self.store.connections[schedule.key].status is ConnectionStatus.EXPIRED:
            return EXPIRED
        return None

    def _commit(self, plan: SlotPlan, job_id: UUID, now: datetime) -> bool:
        seen = plan.schedule
        stored = self.store.schedules.get((seen.key, seen.frequency))
        if stored is None or (stored.next_slot_at, stored.version) != (seen.next_slot_at, seen.version):
            return False
        # The version moves too: who saves a schedule that he read before would set its next slot back.
        self.store.put_schedule(replace(stored, next_slot_at=plan.next_slot_at, version=stored.version + 1))
        for slots in plan.accounted:
            self.store.log.add(slots_row(stored, slots, now))
        if plan.run_slot_at is not None:
            self._queue(stored, plan.run_slot_at, job_id, now)
        return True

    def _queue(self, schedule: SyncSchedule, slot_at: datetime, job_id: UUID, now: datetime) -> None:
        rhythm = (schedule.key, schedule.frequency)
        if rhythm in self.store.active or (rhythm, slot_at) in self.store.slots:
            once = SlotRange(outcome=Outcome.OVERLAPPED, first=slot_at, last=slot_at, count=1, reason=OVERLAPPED)
            self.store.log.add(slots_row(schedule, once, now))
            return
        self.store.put_job(
            SyncJob(
                id=job_id,
                key=schedule.key,
                frequency=schedule.frequency,
                trigger=Trigger.SCHEDULE,
                slot_at=slot_at,
                state=JobState.QUEUED,
                run_after=slot_at,
                created_at=now,
            )
        )
