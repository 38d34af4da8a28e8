"""One PostgreSQL for all contestants: the embedded one, with its own settings, in a temporary directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlencode, urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.embedded import start_embedded
from anselai.adapters.postgres.grants import grants
from anselai.domain.secret import Secret

SERVES: Final = "anselai_bench_serves"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchServer:
    """Makes databases. Every round starts with a fresh copy of a filled one."""

    dsn: str
    data_dir: Path

    def database(self, name: str) -> str:
        """The DSN of a database of that name."""
        return urlsplit(self.dsn)._replace(path=f"/{name}").geturl()

    def create(self, name: str, template: str = "template1") -> str:
        """A new database, in the place of an old one of that name; all of it is on the disk."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            connection.execute("CHECKPOINT")
        return self.database(name)

    def create_migrated(self, name: str) -> str:
        """A new database with the product's schema."""
        dsn = self.create(name)
        migrate.upgrade(Secret(dsn))
        return dsn

    def role_that_serves(self, name: str) -> str:
        """The DSN of a database of `create_migrated`, for a role that row-level security holds, as it does not hold us.

        It has the rights of docs/database-role.md.
        """
        with psycopg.connect(self.database(name), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(SERVES), SERVES))
            connection.execute(grants(SERVES).encode())
        given = conninfo_to_dict(self.database(name), user=SERVES, password=SERVES)
        return f"postgresql://?{urlencode(given)}"

    def analyze(self, name: str) -> None:
        """Let the planner know what a filled database holds."""
        with psycopg.connect(self.database(name), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def postmaster(self) -> int:
        """The process id of the server, all of whose other processes are its children."""
        return int((self.data_dir / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def bench_server() -> Iterator[BenchServer]:
    """A durable server (fsync and synchronous_commit are on), gone at the end."""
    with TemporaryDirectory(prefix="anselai-bench-", ignore_cleanup_errors=True) as directory:
        embedded = start_embedded(Path(directory))
        try:
            _refuse_unsafe(embedded.dsn)
            yield BenchServer(dsn=embedded.dsn, data_dir=embedded.data_dir)
        finally:
            embedded.stop()


def _refuse_unsafe(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
            assert row == ("on",), f"{setting} is {row}: nothing measured on this server is durable"
