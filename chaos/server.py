"""A durable PostgreSQL of the run's own, that can be ill-treated."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.embedded import start_embedded
from anselai.adapters.postgres.embedded.account import find_runner
from anselai.adapters.postgres.embedded.programs import reachable_programs
from anselai.adapters.postgres.embedded.server import Server
from anselai.domain.errors import EmbeddedDatabaseFailed
from anselai.domain.secret import Secret

DURABLE: Mapping[str, str] = MappingProxyType({})
TEMPLATE = "migrated"


def _silent(_: str) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosServer:
    """Where it listens stays the same through its restarts: a Unix socket in `directory`."""

    dsn: str
    directory: Path
    settings: Mapping[str, str]

    @property
    def socket(self) -> Path:
        place = conninfo_to_dict(self.dsn)
        return Path(str(place["host"])) / f".s.PGSQL.{place['port']}"

    def create(self, name: str) -> str:
        """A new database with the product's schema; its DSN."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')
        return self._database(name)

    def make_template(self) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate.upgrade(Secret(self._database(TEMPLATE)))

    def _database(self, name: str) -> str:
        return urlsplit(self.dsn)._replace(path=f"/{name}").geturl()

    def stop(self, mode: str) -> None:
        """`fast` ends all sessions and writes everything; `immediate` is a crash, and the next start has to recover."""
        server, runner = self._server(), find_runner(_silent)
        programs = reachable_programs(self.directory, runner, _silent)
        done = runner.run(programs / "pg_ctl", "stop", "-D", server.data_dir, "-m", mode, "-w", "-t", "60")
        if done.returncode != 0:
            raise SystemExit(f"PostgreSQL does not stop: {done.stderr.decode()}")

    def start(self) -> None:
        self._server().bring_up()

    def restart(self, mode: str) -> None:
        self.stop(mode)
        self.start()

    def terminate_backends(self, share: float) -> None:
        """End that share of the daemons' sessions, whatever they are doing."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'anselai keys %'"
            ).fetchall()
            doomed = [pid for (pid,) in found if random.random() < share]  # noqa: S311
            connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [doomed])

    def rows(self, dsn: str, statement: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Ask, again until the server answers."""
        deadline = time.monotonic() + 30
        while True:
            with suppress(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True) as connection:
                cursor = connection.execute(statement, params)
                return cursor.fetchall() if cursor.description else []
            if time.monotonic() > deadline:
                raise SystemExit("The database does not come back.")
            time.sleep(0.1)

    def _server(self) -> Server:
        return Server(directory=self.directory, runner=find_runner(_silent), settings=self.settings, report=_silent)


@contextmanager
def chaos_server(settings: Mapping[str, str] = DURABLE) -> Iterator[ChaosServer]:
    """Durable unless the settings say otherwise; gone at the end."""
    with TemporaryDirectory(prefix="anselai-chaos-", ignore_cleanup_errors=True) as name:
        directory = Path(name).resolve()
        embedded = start_embedded(directory, settings=settings)
        server = ChaosServer(dsn=embedded.dsn, directory=directory, settings=settings)
        try:
            server.make_template()
            yield server
        finally:
            with suppress(EmbeddedDatabaseFailed):
                embedded.stop()
