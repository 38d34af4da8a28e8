"""Records in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anselai.adapters.memory.business_figures import business_figures
from anselai.adapters.memory.platform_figures import platform_figures
from anselai.adapters.memory.record_checks import misfits
from anselai.adapters.memory.store import MemoryStore
from anselai.domain.errors import InvalidInput, LeaseLost, Problem
from anselai.domain.insights import BusinessFigures, Period, PlatformFigures
from anselai.domain.ports.records import Records
from anselai.domain.records import Record
from anselai.domain.sync_job import JobLease
from anselai.domain.text import refuse_unstorable, storable


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRecords(Records):
    memory: MemoryStore  # not `store`, which is what the port calls its method

    async def store(self, lease: JobLease, records: Sequence[Record], cursor: str | None) -> int:
        job = self.memory.held_job(lease)
        if job is None:
            raise LeaseLost
        refuse_unstorable(cursor)
        records = storable(records)
        problems = [
            *(f"a {type(each).__name__}'s {name} cannot be this" for each in records for name in misfits(each)),
            *(
                f"a {type(each).__name__} refers to something that is not stored"
                for each in self.memory.records.orphans(job.key, records)
            ),
        ]
        if problems:
            raise InvalidInput([Problem("records", each) for each in problems])
        self.memory.put_job(replace(job, cursor=cursor, records=job.records + len(records)))
        return self.memory.records.put(job.key, records)

    async def platform_figures(self, studio: str, period: Period) -> Sequence[PlatformFigures]:
        refuse_unstorable(studio)
        return platform_figures(self.memory.records, studio, period)

    async def business_figures(self, studio: str, period: Period) -> BusinessFigures:
        refuse_unstorable(studio)
        return business_figures(self.memory.records, studio, period)
