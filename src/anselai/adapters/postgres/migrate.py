"""Moves the schema of a database up and down. Synchronous: it runs before anything is served."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import psycopg

from anselai.adapters.postgres.driver_errors import translated
from anselai.adapters.postgres.dsn import parsed
from anselai.adapters.postgres.revisions import head, revisions
from anselai.domain.errors import SchemaUnknown, StoreUnavailable
from anselai.domain.secret import Secret

if TYPE_CHECKING:  # Alembic and SQLAlchemy take half a second to load; a database that is current needs neither.
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["alembic_config", "current", "downgrade", "head", "revisions", "sql", "upgrade"]

Report = Callable[[str], None]

# Any number that is always the same; these are the bytes of "anselai". Session-level: it covers all revisions of a run.
_LOCK: Final = int.from_bytes(b"anselai")
_LOCK_POLL_SECONDS = 0.2
_LOCK_POLLS = 3000
# A migration that waits for a lock makes every later query wait behind it, so it gives up soon and tries again.
_TABLE_LOCK_TIMEOUT = "3s"
_ATTEMPTS = 20


def _connect(dsn: Secret, *, autocommit: bool = False) -> psycopg.Connection:
    arguments: dict[str, Any] = {"connect_timeout": 5, "application_name": "anselai migrate"} | parsed(dsn)
    return psycopg.connect(**arguments, autocommit=autocommit)


def _silent(_line: str) -> None:
    pass


def current(dsn: Secret) -> str | None:
    """The revision that the database is at; None before the first.

    Raises StoreUnavailable, RightsMissing, InvalidSettings.
    """
    with translated(), _connect(dsn, autocommit=True) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return None if row is None else str(row[0])


def upgrade(dsn: Secret, revision: str = "head", *, report: Report = _silent) -> None:
    """Apply every revision up to this one.

    Raises SchemaUnknown when a newer version was here, RightsMissing where the role does not own the tables, and
    StoreUnavailable.

    Safe to call from many processes at once: one migrates, the others wait and find the work done.
    """
    if revision == "head" and current(dsn) == head():
        return
    _migrate(dsn, lambda command, config: command.upgrade(config, revision), report)


def downgrade(dsn: Secret, revision: str, *, report: Report = _silent) -> None:
    """Undo revisions down to this one, or `base` for all. What their tables held is gone."""
    _migrate(dsn, lambda command, config: command.downgrade(config, revision), report)


def sql(since: str | None = None) -> str:
    """The SQL that leads from a revision, or from an empty database, to the head, for somebody else to run."""
    from alembic import command

    output = StringIO()
    config = alembic_config()
    config.output_buffer = output
    command.upgrade(config, f"{since}:head" if since else "head", sql=True)
    return output.getvalue()


def _migrate(dsn: Secret, step: "Callable[[Any, Config], None]", report: Report) -> None:
    from alembic import command
    from sqlalchemy.exc import OperationalError, ProgrammingError

    try:
        with _locked(dsn, report) as connection:
            at = current(dsn)
            if at is not None and at not in revisions():
                raise SchemaUnknown(at)
            config = alembic_config(report)
            config.attributes["connection"] = connection
            _with_patience(lambda: step(command, config), report)
    except (OperationalError, ProgrammingError) as wrapping:
        with translated():
            raise wrapping.orig or wrapping from wrapping


def _with_patience(step: Callable[[], None], report: Report) -> None:
    from sqlalchemy.exc import OperationalError

    for _ in range(_ATTEMPTS):
        try:
            return step()
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            report("A table that changes is in use; trying again.")
    raise StoreUnavailable


@contextmanager
def _locked(dsn: Secret, report: Report) -> "Iterator[Connection]":
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(dsn),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{_TABLE_LOCK_TIMEOUT}'")
        connection.commit()
        _take_lock(connection, report)
        yield connection  # closing the connection frees the lock


def _take_lock(connection: "Connection", report: Report) -> None:
    # Polled, because a waiting session holds a snapshot that blocks CREATE INDEX CONCURRENTLY in the one it waits for.
    for poll in range(_LOCK_POLLS):
        taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar_one()
        connection.commit()
        if taken:
            return
        if poll == 0:
            report("Another process is migrating this database; waiting for it.")
        time.sleep(_LOCK_POLL_SECONDS)
    raise StoreUnavailable


def alembic_config(report: Report = _silent) -> "Config":
    """What Alembic has to know; there is no ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "anselai:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["report"] = report
    return config
