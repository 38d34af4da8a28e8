"""The migrations lead up and down, agree with the schema in code, and can be started by many at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine

from anselai.adapters.postgres import migrate, schema
from anselai.domain.errors import SchemaUnknown, StoreUnavailable
from anselai.domain.secret import Secret

# What a database is made of, as PostgreSQL itself spells it.
CATALOGUE = """
SELECT 'column', c.relname || '.' || a.attname,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
        pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity, ''))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
    AND NOT a.attisdropped AND c.relname <> 'alembic_version'
UNION ALL
SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('alembic_version')::oid, 0)
    AND contype <> 'n'
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL
SELECT 'option', relname, array_to_string(reloptions, ', ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
"""


def ask(url: str, question: str, *values: Any) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(question, values).fetchall()


def catalogue(url: str) -> list[Any]:
    return sorted(ask(url, CATALOGUE))


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    yield engine
    engine.dispose()


@contextmanager
def in_the_background(url: str) -> Iterator["Queue[str]"]:
    """A migration in a thread; its reports. It has ended when the block has."""
    reports: Queue[str] = Queue()
    thread = Thread(target=migrate.upgrade, args=(Secret(url),), kwargs={"report": reports.put})
    thread.start()
    try:
        yield reports
    finally:
        thread.join()


def test_every_revision_leads_up_down_and_up_again(empty_database_url: str) -> None:
    dsn = Secret(empty_database_url)
    empty = catalogue(empty_database_url)
    for before, revision in zip(("base", *migrate.revisions()), migrate.revisions(), strict=False):
        found = catalogue(empty_database_url)
        migrate.upgrade(dsn, revision)
        moved = catalogue(empty_database_url)
        migrate.downgrade(dsn, before)
        assert catalogue(empty_database_url) == found
        migrate.upgrade(dsn, revision)
        assert catalogue(empty_database_url) == moved != found
    assert migrate.current(dsn) == migrate.head()
    migrate.downgrade(dsn, "base")
    assert migrate.current(dsn) is None
    assert catalogue(empty_database_url) == empty


def test_the_migrations_and_the_schema_in_code_are_the_same(database_url: str, empty_database_url: str) -> None:
    with engine_of(empty_database_url) as engine:
        schema.metadata.create_all(engine)
    assert catalogue(database_url) == catalogue(empty_database_url)


def test_alembic_finds_no_difference_either(database_url: str) -> None:
    with engine_of(database_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []


def test_constraints_and_indexes_have_names_by_one_convention(database_url: str) -> None:
    names = [name for kind, name, _ in catalogue(database_url) if kind in ("constraint", "index")]
    assert [name for name in names if name[:3] not in ("pk_", "uq_", "fk_", "ck_", "ix_")] == []
    assert max(len(name) for name in names) < 63


def test_revisions_are_named_after_their_files_and_follow_each_other() -> None:
    script = ScriptDirectory.from_config(migrate.alembic_config())
    in_alembic = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(in_alembic)) == migrate.revisions()
    assert script.get_heads() == [migrate.head()]
    assert max(map(len, in_alembic)) <= 32  # what alembic_version holds


def test_an_empty_database_is_at_no_revision(empty_database_url: str) -> None:
    assert migrate.current(Secret(empty_database_url)) is None


def test_migrating_reports_each_step_and_leaves_the_default_studio(empty_database_url: str) -> None:
    reports: list[str] = []
    migrate.upgrade(Secret(empty_database_url), report=reports.append)
    assert reports == [f"Applied {revision}" for revision in migrate.revisions()]
    assert ask(empty_database_url, "SELECT id FROM studios") == [("default",)]


def test_migrating_what_is_current_does_nothing(database_url: str) -> None:
    reports: list[str] = []
    migrate.upgrade(Secret(database_url), report=reports.append)
    assert reports == []


def test_two_processes_that_migrate_at_once_share_the_work(empty_database_url: str) -> None:
    program = (
        "import sys; from anselai.adapters.postgres.migrate import upgrade; from anselai.domain.secret import Secret;"
        "upgrade(Secret(sys.stdin.read()), report=lambda line: print(line, flush=True))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(empty_database_url, timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    applied = [line for output in outputs for line in output.splitlines() if line.startswith("Applied")]
    assert sorted(applied) == [f"Applied {revision}" for revision in migrate.revisions()]
    assert migrate.current(Secret(empty_database_url)) == migrate.head()


def test_who_finds_another_migrating_says_so_and_waits(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [int.from_bytes(b"anselai")])
        with in_the_background(empty_database_url) as reports:
            assert "waiting" in reports.get(timeout=30)
            assert migrate.current(Secret(empty_database_url)) is None
            other.execute("SELECT pg_advisory_unlock_all()")
    assert migrate.current(Secret(empty_database_url)) == migrate.head()


def test_a_busy_table_delays_a_migration_but_the_migration_does_not_freeze_the_table(empty_database_url: str) -> None:
    migrate.upgrade(Secret(empty_database_url), migrate.revisions()[0])
    with psycopg.connect(empty_database_url) as other:
        other.execute("CREATE TABLE metrics (in_the_way boolean)")  # the next revision waits for this name
        with in_the_background(empty_database_url) as reports:
            assert "in use" in reports.get(timeout=30)
            other.rollback()
    assert migrate.current(Secret(empty_database_url)) == migrate.head()


def test_the_sql_for_somebody_else_to_run_makes_the_same_database(database_url: str, empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(migrate.sql().encode())
    assert catalogue(empty_database_url) == catalogue(database_url)
    assert migrate.current(Secret(empty_database_url)) == migrate.head()


def test_the_sql_can_begin_at_a_revision(empty_database_url: str) -> None:
    first = migrate.revisions()[0]
    migrate.upgrade(Secret(empty_database_url), first)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(migrate.sql(first).encode())
    assert migrate.current(Secret(empty_database_url)) == migrate.head()


@pytest.mark.parametrize("move", [migrate.upgrade, lambda dsn: migrate.downgrade(dsn, "base")])
def test_a_database_that_a_newer_version_migrated_is_left_alone(database_url: str, owners_url: str, move: Any) -> None:
    ask(owners_url, "UPDATE alembic_version SET version_num = '9999_from_the_future' RETURNING 1")
    with pytest.raises(SchemaUnknown, match="9999_from_the_future"):
        move(Secret(database_url))
    assert migrate.current(Secret(database_url)) == "9999_from_the_future"


@pytest.mark.parametrize("act", [migrate.current, migrate.upgrade, lambda dsn: migrate.downgrade(dsn, "base")])
def test_a_server_that_is_away_is_reported_as_such(act: Any) -> None:
    with pytest.raises(StoreUnavailable):
        act(Secret("postgresql://nobody@127.0.0.1:1/nothing"))


def test_looking_at_the_revision_loads_neither_alembic_nor_sqlalchemy() -> None:
    program = (
        "import sys, anselai.adapters.postgres.migrate, anselai.adapters.postgres.health;"
        "print({'alembic', 'sqlalchemy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
