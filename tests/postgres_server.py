"""The PostgreSQL that the tests run on: the one that DATABASE_URL names, or the embedded one, for this run only.

All workers of a run share it. Its databases have names that no other run has, and are copies of one that was migrated.
Tests use them as a role that may do no more than serving takes, like anybody who runs AnselAI with care.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from anselai.adapters.postgres.embedded import start_embedded
from anselai.adapters.postgres.grants import grants
from anselai.adapters.postgres.migrate import upgrade
from anselai.domain.errors import EmbeddedDatabaseFailed
from anselai.domain.secret import Secret

EXTERNAL = "DATABASE_URL"

# Tests keep nothing, so the disk need not be waited for.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A server, and the names that this run of the tests gives its databases."""

    admin_dsn: Secret
    prefix: str

    @property
    def template(self) -> str:
        return f"{self.prefix}_template"

    @property
    def serving_role(self) -> str:
        """Has the rights that docs/database-role.md gives, and no others."""
        return f"{self.prefix}_serves"

    def owners_address(self, database: str) -> str:
        """The URL of a database of this server, for who may do everything there."""
        return self._address(dbname=database)

    def create(self, name: str) -> str:
        """A new database with the current schema, and its URL for the role that serves."""
        self._run("CREATE DATABASE {} TEMPLATE {}", name, self.template)
        return self._address(dbname=name, user=self.serving_role, password=self.serving_role)

    def create_empty(self, name: str) -> str:
        """A new database with no schema at all, and its URL for its owner."""
        self._run("CREATE DATABASE {} TEMPLATE template0", name)
        return self.owners_address(name)

    def drop(self, name: str) -> None:
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def drop_all(self) -> None:
        """Drop every database of this run."""
        with self._connected() as connection:
            found = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{self.prefix}_"]
            ).fetchall()
        for (name,) in found:
            self.drop(name)
        self._run("DROP ROLE IF EXISTS {}", self.serving_role)

    def make_template(self) -> None:
        """Migrate the database that all others are copied from, unless another worker has done so."""
        with self._connected() as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [self.prefix])  # until the connection closes
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.template]).fetchone():
                return
            unfinished = f"{self.prefix}_unfinished"
            upgrade(Secret(self.create_empty(unfinished)))
            self._make_role(unfinished)
            self._run("ALTER DATABASE {} RENAME TO {}", unfinished, self.template)

    def _make_role(self, database: str) -> None:
        role = sql.Identifier(self.serving_role)
        with psycopg.connect(self.owners_address(database), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, self.serving_role))
            connection.execute(grants(self.serving_role).encode())

    def _address(self, **parameters: str) -> str:
        given = {name: str(value) for name, value in conninfo_to_dict(self.admin_dsn.reveal()).items()}
        return f"postgresql://?{urlencode(given | parameters)}"

    def _run(self, statement: str, *names: str) -> None:
        with self._connected() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.admin_dsn.reveal(), autocommit=True, connect_timeout=10) as connection:
            yield connection


@contextmanager
def running_server(run: str) -> Iterator[PostgresServer]:
    """The server of this run, with its template. The last worker that leaves stops an embedded one."""
    prefix = f"anselai_test_{run}"
    external = os.environ.get(EXTERNAL)
    if external:
        server = PostgresServer(admin_dsn=Secret(external), prefix=prefix)
        server.make_template()
        yield server
        return
    embedded = start_embedded(_directory(run), settings=FAST)
    try:
        server = PostgresServer(admin_dsn=Secret(embedded.dsn), prefix=prefix)
        server.make_template()
        yield server
    finally:
        embedded.stop()


def name_of_this_run() -> str:
    """A name that nobody can foresee, and that tells which process the run ends with."""
    return f"{os.getpid()}_{secrets.token_hex(8)}"


def clean_up(run: str) -> None:
    """Leave nothing of this run behind, whatever became of its workers."""
    external = os.environ.get(EXTERNAL)
    if external:
        with suppress(psycopg.OperationalError):  # nothing can be left on a server that is not there
            PostgresServer(admin_dsn=Secret(external), prefix=f"anselai_test_{run}").drop_all()
    elif _directory(run).exists():
        _remove(_directory(run))


def clean_up_after_killed_runs() -> None:
    """Stop and remove the embedded servers of runs that could not do so themselves."""
    for directory in Path(tempfile.gettempdir()).glob(_directory("*_*").name):
        pid = directory.name.removeprefix(_directory("").name).partition("_")[0]
        if os.getuid() in (0, directory.stat().st_uid) and not _is_alive(int(pid)):
            _remove(directory)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(directory: Path) -> None:
    with suppress(EmbeddedDatabaseFailed):  # what is left of a database is removed all the same
        start_embedded(directory, settings=FAST).stop()  # its server, if a worker was killed and could not stop it
    shutil.rmtree(directory, ignore_errors=True)  # another run may be at it


def _directory(run: str) -> Path:
    return Path(tempfile.gettempdir(), f"anselai-tests-{run}")
