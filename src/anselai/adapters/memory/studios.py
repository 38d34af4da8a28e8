"""Studios in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.access import Studio
from anselai.domain.audit import Deed
from anselai.domain.errors import StudioExists, StudioInUse, StudioNotFound
from anselai.domain.ports.studios import Studios
from anselai.domain.text import refuse_unstorable


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryStudios(Studios):
    store: MemoryStore

    async def add(self, studio: str, name: str, deed: Deed) -> Studio:
        refuse_unstorable(studio, name)
        if studio in self.store.studios:
            raise StudioExists(studio)
        self.store.log.forget(studio)  # what came in late for a removed one of this name
        added = self.store.add_studio(studio, name)
        self.store.write_down(deed)
        return added

    async def list(self) -> Sequence[Studio]:
        return [self.store.studios[each] for each in sorted(self.store.studios)]

    async def remove(self, studio: str, deed: Deed) -> None:
        refuse_unstorable(studio)
        if studio not in self.store.studios:
            raise StudioNotFound(studio)
        if any(key.studio == studio for key in self.store.connections):
            raise StudioInUse(studio)
        for job_id in [job.id for job in self.store.jobs.values() if job.key.studio == studio]:
            self.store.drop_job(job_id)
        for key_id in [key.id for key in self.store.api_keys.values() if key.studio == studio]:
            del self.store.api_keys[key_id]
        self.store.requests.forget(studio)
        self.store.log.forget(studio)
        self.store.records.forget(studio)
        del self.store.studios[studio]
        self.store.write_down(deed)
