"""A database of tables of its own inside a real one, for trying everything out: nothing of it is ever committed.

All happens on one connection, in one transaction, in temporary tables. Nobody else sees them, and they are gone with
the connection, however this process ends. It takes no more than the right to make temporary tables, which everybody has
unless it was taken away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final, TypeVar

from psycopg.errors import InsufficientPrivilege

from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.database import LONG, NO_STUDIO, Connection, Database, cut_after
from anselai.adapters.postgres.driver_errors import translated
from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret

T = TypeVar("T")

_SET_UP: Final = (
    "SET LOCAL search_path = pg_temp; SET LOCAL TimeZone = 'UTC'; SET LOCAL statement_timeout = '60s';"
    "SET LOCAL idle_in_transaction_session_timeout = '60s'"
)


class Rehearsal(Database):
    """A Database whose every act is a savepoint of one transaction, which is rolled back at the end."""

    __slots__ = ("_connection", "_one_at_a_time", "_open")

    def __init__(self, dsn: Secret) -> None:
        """Raises InvalidSettings when the DSN is none."""
        super().__init__(dsn)
        self._open = AsyncExitStack()
        self._one_at_a_time = asyncio.Lock()
        self._connection: Connection | None = None

    async def open(self) -> None:
        """Make the tables, by the migrations. Raises StoreUnavailable, InvalidSettings."""
        connection = await self._open.enter_async_context(await self._connect())
        with translated():
            await self._open.enter_async_context(connection.transaction(force_rollback=True))
            await connection.execute(_SET_UP)
            try:
                await connection.execute(await asyncio.to_thread(_tables))
            except InsufficientPrivilege:
                await self.close()
                raise InvalidSettings(
                    "The database's user may not make temporary tables. "
                    "Let its owner run: GRANT TEMPORARY ON DATABASE ... TO ..."
                ) from None
        self._connection = connection

    async def close(self) -> None:
        self._connection = None
        await self.wakeups.close()
        await self._open.aclose()

    async def act(
        self,
        act: Callable[[Connection], Awaitable[T]],
        *,
        studio: str = NO_STUDIO,
        within: float = LONG,
        at_once: bool = False,
    ) -> T:
        if self._connection is None:
            raise RuntimeError("the Rehearsal is not open: use it inside `async with rehearsal:`")
        with translated():
            async with self._one_at_a_time, self._connection.transaction():
                with cut_after(within, self._connection):
                    return await act(self._connection)


def _tables() -> bytes:
    """The migrations' own SQL, without their transactions."""
    lines = migrate.sql().splitlines()
    return "\n".join(line for line in lines if line not in ("BEGIN;", "COMMIT;")).encode()
