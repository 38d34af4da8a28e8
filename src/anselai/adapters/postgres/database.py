"""The pool of connections, and the way that every act takes through it.

Time that decides is `statement_timestamp()`: one instant for all rows of a statement, unlike `clock_timestamp()`, so an
index can be searched by it; and not that of a transaction which began earlier, unlike `now()`.
"""

import asyncio
import os
import select
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from anselai.adapters.postgres.driver_errors import TRY_AGAIN, translated
from anselai.adapters.postgres.dsn import parsed
from anselai.adapters.postgres.ring_names import named
from anselai.adapters.postgres.wakeups import Wakeups
from anselai.domain.secret import Secret

Row = tuple[Any, ...]
Connection = AsyncConnection[Row]
Params = Mapping[str, Any] | Sequence[Any]
T = TypeVar("T")

# A server that vanished without a word is noticed within five seconds. The DSN may say otherwise.
_CONNECT: Final[Mapping[str, Any]] = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 4000,  # milliseconds
    "application_name": "anselai",
}
# A statement never waits for ever: not for a lock, not for itself; and a process of ours that is frozen, or cut off,
# soon frees its locks: one locked job holds up every result that is written with it.
_CONFIGURE: Final = (
    "SET TimeZone = 'UTC'; SET lock_timeout = '4s'; SET statement_timeout = '4s';"
    "SET idle_in_transaction_session_timeout = '5s'"
)
# What the act at hand needs: which rows the policies of row-level security show, those of one studio or all
# (migrations, 0007_row_security), and how long a statement may take.
_SET: Final = "SELECT set_config('anselai.studio', %s, false), set_config('statement_timeout', %s, false)"
_SERVERS_SHARE: Final = 0.8  # of the time of an act: a server that lives gives up before we do, so that we know it did

NO_STUDIO: Final = ""

_PATIENCE: Final = 4.0  # seconds that an act waits for a connection
_PATIENCE_SLICE: Final = 0.25
_TRIES: Final = 4

# Seconds after which a server that is connected but silent counts as away: where somebody waits, for what the daemon
# does in batches, and for what may take long.
SHORT: Final = 5.0
BATCH: Final = 8.0
LONG: Final = 32.0


class Database:
    """A PostgreSQL server. Made from a DSN without connecting; opened for as long as it is used.

    A server that is away makes every act raise StoreUnavailable, and the first act after it is back works again.
    """

    __slots__ = (
        "_dsn",
        "_kwargs",
        "_max_connections",
        "_opened_at",
        "_opened_pool",
        "_refused_at",
        "_set_for",
        "_silent_at",
        "wakeups",
    )

    def __init__(self, dsn: Secret, *, max_connections: int = 10, key_ids: Sequence[str] = ()) -> None:
        """Raises InvalidSettings when the DSN is none. `key_ids` are told to others who use the same database."""
        self._dsn = dsn
        self._max_connections = max_connections
        self._kwargs = _connect_arguments(dsn, key_ids)
        self._opened_pool: AsyncConnectionPool[Connection] | None = None
        self._refused_at = 0.0
        self._silent_at = 0.0
        self._opened_at: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
        self._set_for: WeakKeyDictionary[Connection, tuple[str, float] | None] = WeakKeyDictionary()
        self.wakeups = Wakeups(connect=self._connect)

    async def open(self) -> None:
        """Start the pool. Returns at once, also when the server is away."""
        if self._opened_pool is not None:
            return
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._dsn.reveal,
            kwargs=self._kwargs,
            connection_class=AsyncConnection[Row],
            min_size=1,
            max_size=self._max_connections,
            max_waiting=1000,
            configure=self._configure,
            # The pool's own retries back off for minutes; without them each act that needs a connection tries at once.
            reconnect_timeout=0,
            reconnect_failed=self._note_refusal,
            name="anselai",
            open=False,
        )
        await pool.open()
        self._opened_pool = pool

    async def close(self) -> None:
        pool, self._opened_pool = self._opened_pool, None
        await self.wakeups.close()
        if pool is not None:
            await pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def rows(
        self, statement: str, params: Params | None = None, *, studio: str = NO_STUDIO, within: float = SHORT
    ) -> list[Row]:
        """Run one statement, which is its own transaction. Instants come back in UTC."""
        cursor = await self.act(
            lambda connection: connection.execute(statement, params, binary=True),
            studio=studio,
            within=within,
            at_once=True,
        )
        with translated():
            return await cursor.fetchall()

    async def act(
        self,
        act: Callable[[Connection], Awaitable[T]],
        *,
        studio: str = NO_STUDIO,
        within: float = SHORT,
        at_once: bool = False,
    ) -> T:
        """Run an act on a connection, again from its start if the server undid it because of a deadlock.

        It sees the rows of this studio only, whatever its statements ask for: those of none unless it is named, and
        those of all with EVERY_STUDIO. `at_once` is for an act that reads nothing before it has sent all it has to say.
        Raises RightsMissing, and StoreUnavailable, also when the server stays silent for `within` seconds.
        """
        with translated():
            for _ in range(_TRIES - 1):
                with suppress(*TRY_AGAIN):
                    return await self._act(act, studio, within, at_once=at_once)
            return await self._act(act, studio, within, at_once=at_once)

    async def _act(self, act: Callable[[Connection], Awaitable[T]], studio: str, within: float, *, at_once: bool) -> T:
        connection = await self._take()
        began = asyncio.get_running_loop().time()
        try:
            with cut_after(within, connection):
                return await self._with_settings(studio, within, connection, act, at_once=at_once)
        finally:
            ended = asyncio.get_running_loop().time()
            if ended - began >= within:
                self._silent_at = ended
            await self._pool.putconn(connection)

    async def _with_settings(
        self,
        studio: str,
        within: float,
        connection: Connection,
        act: Callable[[Connection], Awaitable[T]],
        *,
        at_once: bool,
    ) -> T:
        """Act with the session's settings for it, which it may have since the act before."""
        wanted = (studio, within)
        if self._set_for.get(connection, (NO_STUDIO, SHORT)) == wanted:
            return await act(connection)
        self._set_for[connection] = None  # until it is certain
        async with connection.pipeline() if at_once else nullcontext():
            await connection.execute(_SET, (studio, f"{within * _SERVERS_SHARE:.1f}s"))
            result = await act(connection)
        self._set_for[connection] = wanted
        return result

    @property
    def _pool(self) -> AsyncConnectionPool[Connection]:
        if self._opened_pool is None:
            raise RuntimeError("the Database is not open: use it inside `async with database:`")
        return self._opened_pool

    async def _take(self) -> Connection:
        while True:
            connection = await self._wait_for_connection()
            # Where one connection fell silent, others that were open then are likely to be as silent.
            if _is_usable(connection) and self._opened_at[connection] >= self._silent_at:
                return connection
            await connection.close()
            await self._pool.putconn(connection)  # which replaces it

    async def _wait_for_connection(self) -> Connection:
        began = asyncio.get_running_loop().time()
        while True:
            try:
                return await self._pool.getconn(timeout=_PATIENCE_SLICE)
            except PoolTimeout:
                if self._refused_at >= began or asyncio.get_running_loop().time() - began > _PATIENCE:
                    raise

    async def _note_refusal(self, _pool: object) -> None:
        self._refused_at = asyncio.get_running_loop().time()

    async def _configure(self, connection: Connection) -> None:
        await connection.execute(_CONFIGURE)
        self._opened_at[connection] = asyncio.get_running_loop().time()

    async def _connect(self) -> Connection:
        with translated():
            return await AsyncConnection[Row].connect(self._dsn.reveal(), **self._kwargs)


async def rows(connection: Connection, statement: str, params: Params | None = None) -> list[Row]:
    cursor = await connection.execute(statement, params, binary=True)
    return await cursor.fetchall()


def _is_usable(connection: Connection) -> bool:
    """Whether the connection still works, without a round trip: an idle one has nothing to read, a dead one has."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
    except psycopg.Error:
        return False
    return not poll.poll(0)


@contextmanager
def cut_after(seconds: float, connection: Connection) -> Iterator[None]:
    """Make whoever waits for this connection find it closed after a while. Cancelling would wait for the server."""
    deadline = asyncio.get_running_loop().call_later(seconds, _cut, connection)
    try:
        yield
    finally:
        deadline.cancel()


def _cut(connection: Connection) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


def _connect_arguments(dsn: Secret, key_ids: Sequence[str]) -> dict[str, Any]:
    given = parsed(dsn)
    name = named(given.get("application_name") or _CONNECT["application_name"], key_ids)
    ours = {key: value for key, value in _CONNECT.items() if key not in given}
    return ours | {"application_name": name, "autocommit": True}
