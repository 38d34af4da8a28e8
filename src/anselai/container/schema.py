"""The schema of the settings' database, looked at and moved."""

import asyncio
from dataclasses import dataclass

from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.embedded import let_serve
from anselai.container.opening import Report, open_database, silent
from anselai.domain.errors import SchemaBehind, SchemaUnknown
from anselai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """The revision that a database is at, None before the first, and all that this version knows, oldest first."""

    current: str | None
    revisions: tuple[str, ...]

    def check(self) -> None:
        """Return if it is current. Raises SchemaBehind, SchemaUnknown."""
        if self.current is not None and self.current not in self.revisions:
            raise SchemaUnknown(self.current)
        if self.current != self.revisions[-1]:
            raise SchemaBehind(self.current, self.revisions[-1])


async def schema_state(settings: Settings, *, report: Report = silent) -> SchemaState:
    """Where the schema of the settings' database is. Raises RightsMissing, StoreUnavailable, EmbeddedDatabaseFailed."""
    async with open_database(settings, report=report) as dsn:
        return SchemaState(current=await asyncio.to_thread(migrate.current, dsn), revisions=migrate.revisions())


async def move_schema(settings: Settings, *, down_to: str | None = None, report: Report = silent) -> None:
    """Bring the schema to what this version needs, or down to a revision (`base`: to nothing).

    Raises SchemaUnknown, RightsMissing, StoreUnavailable, EmbeddedDatabaseFailed.
    """
    async with open_database(settings, report=report) as dsn:
        if down_to is None:
            await asyncio.to_thread(migrate.upgrade, dsn, report=report)
            if settings.database_url is None:
                await asyncio.to_thread(let_serve, dsn)  # whose rights on the tables that went are gone with them
        else:
            await asyncio.to_thread(migrate.downgrade, dsn, down_to, report=report)


def schema_revisions() -> tuple[str, ...]:
    """Every revision that this version knows, oldest first."""
    return migrate.revisions()


def schema_sql(since: str | None = None) -> str:
    """The SQL that leads from a revision, or from an empty database, to what this version needs."""
    return migrate.sql(since)


def schema_grants(role: str) -> str:
    """The SQL that gives a role the rights that serving takes, for the owner of the tables to run."""
    from anselai.adapters.postgres.grants import grants

    return grants(role)
