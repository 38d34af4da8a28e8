"""Reads what is known of a platform's syncs, and has it explained."""

from dataclasses import dataclass
from datetime import timedelta

from anselai.application.explain import Facts, explain
from anselai.application.views import FrequencyExplanation, ScheduleView, SyncExplanation
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionNotFound
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.ports.platform_client import Platforms
from anselai.domain.ports.schedules import Schedules
from anselai.domain.ports.sync_log import LogQuery, SyncLog
from anselai.domain.ports.workers import Workers

ROWS = 60  # of the log for each frequency: enough for the last ten runs with six attempts each


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncExplainer:
    connections: Connections
    schedules: Schedules
    jobs: SyncJobs
    sync_log: SyncLog
    workers: Workers
    platforms: Platforms
    clock: Clock

    async def explain(self, key: ConnectionKey, *, alive_within: timedelta) -> SyncExplanation:
        """Also of a connection whose platform is no longer installed. Raises UnknownPlatform, ConnectionNotFound."""
        labels = {each.name: each.label for each in self.platforms.all()}
        try:
            connection = await self.connections.get(key)
        except ConnectionNotFound:
            self.platforms.get(key.platform)
            raise
        schedules = [each for each in await self.schedules.list(key.studio) if each.key == key]
        jobs = {job.frequency: job for job in await self.jobs.active(key.studio) if job.key == key}
        scheduler_runs = bool(await self.workers.alive(alive_within))
        explained: list[FrequencyExplanation] = []
        for schedule in schedules:
            query = LogQuery(studio=key.studio, platform=key.platform, frequency=schedule.frequency, limit=ROWS)
            rows = await self.sync_log.query(query)
            facts = Facts(
                now=self.clock.now(),
                connection=connection,
                schedule=ScheduleView.of(schedule),
                job=jobs.get(schedule.frequency),
                rows=rows,
                complete=len(rows) < ROWS,
                installed=key.platform in labels,
                scheduler_runs=scheduler_runs,
            )
            explained.append(explain(facts))
        label = labels.get(key.platform, key.platform)
        return SyncExplanation(platform=key.platform, label=label, frequencies=tuple(explained))
