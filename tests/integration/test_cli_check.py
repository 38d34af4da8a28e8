"""`anselai check`: it finds what is wrong, and leaves nothing behind."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from starlette.routing import Route

import anselai
from anselai.adapters.crypto.keyring import generate_secret
from anselai.adapters.postgres.embedded import start_embedded
from anselai.adapters.postgres.embedded.programs import wheel_programs
from anselai.entrypoints.foundation_calls import CALLS
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.resource import Resource
from tests.integration.processes import Home, patiently

CHECKS = (
    "settings",
    "database",
    "schema",
    "tables",
    "key",
    "encryption",
    "rehearsal",
    "connection",
    "sync",
    "next run",
    "API",
)


def dump(dsn: str) -> str:
    """All that a database holds, its sequences too."""
    done = subprocess.run([wheel_programs() / "pg_dump", dsn], capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def results(printed: str) -> list[str]:
    return [line.split()[0] for line in printed.splitlines()]


@contextmanager
def a_connection_and_a_job(home: Home, owners_url: str) -> Iterator[str]:
    """The owner's URL of the home's database, in which google is connected and a sync waits."""
    (home.folder / "token.txt").write_text("ya29.a-canary-that-must-not-sing")
    home.json("connections", "add", "google", "--access-token-file", "token.txt")
    home.json("sync", "run", "google")
    yield owners_url


def test_it_prints_a_line_for_each_check_and_leaves_nothing_behind(external: Home, owners_url: str) -> None:
    with a_connection_and_a_job(external, owners_url) as dsn:
        before = dump(dsn)
        done = external.run("check")
        assert done.code == 0, done.out + done.err
        assert [line[8:20].strip() for line in done.out.splitlines()] == list(CHECKS)
        assert set(results(done.out)) == {"ok"}
        assert done.out.count("opens the stored tokens of 1 connection\n") == 1
        assert done.err == ""
        assert dump(dsn) == before


def test_killed_at_any_time_it_leaves_nothing_behind(external: Home, owners_url: str) -> None:
    with a_connection_and_a_job(external, owners_url) as dsn:
        before = dump(dsn)
        for line in ("tables", "rehearsal", "connection"):
            with external.started("check") as check:
                check.until(f"ok +{line}").stop(signal.SIGKILL)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for _ in patiently("a killed check keeps its session"):
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND backend_type = 'client backend'"
                ).fetchone()
                if row == (1,):  # ours
                    break
            schemas = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg\\_temp%'").fetchone()
        assert schemas == (0,)
        assert dump(dsn) == before


def test_it_works_beside_a_running_serve(home: Home) -> None:
    with home.started("serve") as serve:
        serve.ready().call("POST", "/api/connections", {"platform": "google", "accessToken": "ya29.canary"})
        before = serve.call("GET", "/api/connections"), serve.call("GET", "/api/sync/log")
        done = home.run("check")
        assert done.code == 0, done.out
        assert (serve.call("GET", "/api/connections"), serve.call("GET", "/api/sync/log")) == before
        assert serve.stop() == 0


def test_before_the_first_start_it_checks_a_temporary_database(empty_home: Home) -> None:
    done = empty_home.run("check")
    assert done.code == 0, done.out
    assert "no database" in done.out
    assert not empty_home.data.exists()


def test_a_database_that_is_away_fails(external: Home) -> None:
    done = external.run("check", DATABASE_URL="postgresql://studio:a-secret-password@127.0.0.1:1/anselai")
    assert done.code == 1
    assert results(done.out) == ["ok", "FAILED"]
    assert "STORE_UNAVAILABLE" in done.out
    assert "a-secret-password" not in done.out + done.err


def test_an_external_database_without_a_key_fails_and_makes_none(external: Home) -> None:
    done = external.run("check", ENCRYPTION_KEY="")
    assert done.code == 1
    assert results(done.out) == ["FAILED"]
    assert "anselai keys generate" in done.out
    assert not external.data.exists()


def test_a_schema_that_is_behind_fails_and_is_not_migrated(external: Home, empty_database_url: str) -> None:
    done = external.run("check", DATABASE_URL=empty_database_url)
    assert done.code == 1
    assert "FAILED  schema" in done.out
    assert "Run: anselai migrate" in done.out
    assert external.run("migrate", "--check", DATABASE_URL=empty_database_url).code == 1


def test_another_key_than_that_of_the_stored_tokens_fails(external: Home, owners_url: str) -> None:
    with a_connection_and_a_job(external, owners_url):
        done = external.run("check", ENCRYPTION_KEY=generate_secret().reveal())
    assert done.code == 1
    assert "FAILED  key" in done.out
    assert "ENCRYPTION_KEY_MISSING" in done.out
    assert "default/google" in done.out


def test_a_table_that_refuses_rows_fails(external: Home, owners_url: str) -> None:
    with psycopg.connect(owners_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE reviews ADD CHECK (false)")
    done = external.run("check")
    assert done.code == 1
    assert "FAILED  tables" in done.out
    assert "reviews" in done.out
    assert results(done.out).count("FAILED") == 1


def test_the_embedded_server_is_stopped_again(home: Home) -> None:
    assert home.run("check").code == 0
    assert not home.database_runs()
    hold = start_embedded(home.data)
    assert home.run("check").code == 0
    assert home.database_runs()
    hold.stop()


async def test_every_route_of_the_api_and_every_page_is_called() -> None:
    async with anselai.in_memory() as ansel:
        routes = [each for each in build_app(ansel).routes if isinstance(each, Route)]
    asked = {(method, path.partition("?")[0]) for method, path, _, _ in CALLS}
    there = {
        (method, route.path)
        for route in routes
        if isinstance(route.endpoint, Resource)
        for method in route.endpoint.handlers
        if method != "HEAD" and (method == "GET" or route.path.startswith("/api"))
    }
    called = {(method, route.path) for route in routes for method, path in asked if route.path_regex.match(path)}
    assert there - called == {("GET", "/static/{name}")}  # whose files are read off the pages


@pytest.mark.parametrize("command", ["check", "migrate"])
def test_a_terminated_command_stops_what_it_started(empty_home: Home, command: str) -> None:
    with empty_home.started(command) as started:
        assert started.until("Starting PostgreSQL").stop(signal.SIGTERM) == 1
    assert "Traceback" not in started.printed
    assert not empty_home.database_runs()
