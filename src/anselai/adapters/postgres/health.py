"""Whether PostgreSQL can serve."""

from dataclasses import dataclass
from typing import Final

from psycopg.errors import UndefinedTable

from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.grants import RIGHTS
from anselai.adapters.postgres.revisions import head, revisions
from anselai.domain.errors import RightsMissing, SchemaBehind, SchemaUnknown
from anselai.domain.ports.health import StoreHealth

_PING: Final = "SELECT 1"
_REVISION: Final = "SELECT version_num FROM alembic_version"
# A version may bring a table, and whoever migrated have forgotten the grants.
_HIDDEN: Final = "SELECT name FROM unnest(%s::text[]) AS name WHERE NOT has_table_privilege(name, 'SELECT') LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresHealth(StoreHealth):
    database: Database

    async def ping(self) -> None:
        await self.database.rows(_PING)

    async def check_schema(self) -> None:
        try:
            found = await self.database.rows(_REVISION)
        except UndefinedTable:
            found = []
        current = str(found[0][0]) if found else None
        if current == head():
            for (table,) in await self.database.rows(_HIDDEN, [list(RIGHTS)]):
                raise RightsMissing(f"permission denied for table {table}")
            return
        if current is None or current in revisions():
            raise SchemaBehind(current, head())
        raise SchemaUnknown(current)
