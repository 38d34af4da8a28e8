"""The pool: what it takes from the DSN, what it never shows, and what it reads."""

import logging
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.database import Database
from anselai.domain.errors import InvalidSettings, StoreUnavailable
from anselai.domain.secret import Secret

PASSWORD = "canary-in-the-coal-mine"


@pytest.mark.parametrize(
    "dsn", [f"postgresql//u:{PASSWORD}@h/d", f"host=h pasword={PASSWORD}", f"postgresql://u:{PASSWORD}@h/d?colour=red"]
)
def test_what_is_no_dsn_is_refused_without_being_quoted(dsn: str) -> None:
    for use in (Database, migrate.current, migrate.upgrade):
        with pytest.raises(InvalidSettings) as refused:
            use(Secret(dsn))
        assert PASSWORD not in str(refused.value)
        assert refused.value.__cause__ is None


async def test_the_password_is_in_no_log_error_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Database(Secret(f"postgresql://somebody:{PASSWORD}@127.0.0.1:1/nothing")) as database:
        with pytest.raises(StoreUnavailable) as away:
            await database.rows("SELECT 1")
        assert PASSWORD not in repr(database)
    assert caplog.text
    assert PASSWORD not in caplog.text
    error: BaseException | None = away.value
    while error is not None:
        assert PASSWORD not in str(error)
        error = error.__cause__ or error.__context__


async def test_what_the_dsn_says_of_the_connection_counts(database_url: str) -> None:
    dsn = make_conninfo(database_url, application_name="my studio", options="-c work_mem=5MB")
    async with Database(Secret(dsn)) as database:
        assert await database.rows("SHOW application_name") == [("my studio",)]
        assert await database.rows("SHOW work_mem") == [("5MB",)]


async def test_instants_are_read_in_utc_wherever_the_server_stands(database_url: str) -> None:
    async with Database(Secret(make_conninfo(database_url, options="-c TimeZone=Asia/Kathmandu"))) as database:
        [(instant,)] = await database.rows("SELECT timestamptz '2026-05-20 12:00:00+05:45'")
    assert instant == datetime(2026, 5, 20, 6, 15, tzinfo=UTC)
    assert instant.utcoffset() == timedelta()


async def test_a_server_that_lives_gives_up_before_we_do_and_its_connection_is_kept(database_url: str) -> None:
    async with Database(Secret(database_url), max_connections=1) as database:
        [before] = await database.rows("SELECT pg_backend_pid()")
        with pytest.raises(StoreUnavailable) as away:
            await database.rows("SELECT pg_sleep(60)", within=0.5)
        assert isinstance(away.value.__cause__, psycopg.errors.QueryCanceled)
        assert await database.rows("SELECT pg_backend_pid()") == [before]
        assert await database.rows("SHOW statement_timeout") == [("4s",)]


async def test_a_database_that_was_closed_can_be_opened_again(database_url: str) -> None:
    database = Database(Secret(database_url))
    for _ in range(2):
        async with database:
            assert await database.rows("SELECT 1") == [(1,)]


async def test_nothing_connects_before_it_is_opened(database_url: str) -> None:
    database = Database(Secret(database_url))
    with pytest.raises(RuntimeError, match="not open"):
        await database.rows("SELECT 1")


async def test_closing_leaves_no_session_behind(database_url: str) -> None:
    async with Database(Secret(database_url)) as database:
        await database.wakeups.wait(timedelta(minutes=1))  # which ends as soon as somebody listens
        await database.rows("SELECT 1")
    with psycopg.connect(database_url, autocommit=True) as connection:
        while connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        ).fetchone():
            pass
