"""The server of one data directory: launching it, finding the one that runs, stopping it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from anselai.adapters.postgres.embedded.account import Runner
from anselai.adapters.postgres.embedded.cluster import ROLE, create_if_missing
from anselai.adapters.postgres.embedded.errors import failure
from anselai.adapters.postgres.embedded.locks import locked, opened, patiently
from anselai.adapters.postgres.embedded.programs import MAJOR, reachable_programs, remove_other_copies
from anselai.adapters.postgres.embedded.sockets import PORT, choose_socket_dir, dsn, remove_socket_dir, socket_file

DATABASE = "anselai"

_PATIENCE = 60.0  # seconds for a start or a stop, as in pg_ctl

# The shell leaves at once and the server belongs to init, so that none of us is its parent and has to reap it.
_LAUNCH = 'log=$1; shift; exec >"$log" 2>&1 </dev/null; "$@" &'

# Modest, for a laptop. Errors of statements go only to the client that made them: in the log they would let a client
# fill the disk, with its data. What stays is the server's own life, in seven files, one a weekday.
_DEFAULTS = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%u.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server of `directory`. It lives as long as any of its processes holds the server lock, which they inherit.

    Bringing it up and stopping it are for the one holder of the directory's gate.
    """

    directory: Path
    runner: Runner
    settings: Mapping[str, str]
    report: Callable[[str], None]

    @property
    def data_dir(self) -> Path:
        """The cluster's directory."""
        return self.directory / "postgres"

    def bring_up(self) -> str:
        """Attach to the server that runs, or launch one. Gives the DSN of the database, which exists then."""
        launched = False
        for turn, _ in enumerate(patiently(_PATIENCE)):
            if turn == 200:
                self.report("Waiting for PostgreSQL to be ready, which takes longer after a crash")
            with opened(self._lock) as lock:
                if locked(lock):
                    if launched:
                        raise failure(self.data_dir, "PostgreSQL stopped during its start")
                    self._launch(lock)
                    launched = True
            found = self._dsn_if_ready()
            if found is not None:
                return found
            # Starting, recovering or stopping; or these are the last processes of one that was killed.
        raise failure(self.data_dir, f"PostgreSQL was not ready after {_PATIENCE:.0f} s (start again to wait on)")

    def stop(self) -> None:
        """Stop in order: sessions are ended, everything is written."""
        programs = reachable_programs(self.directory, self.runner, self.report)
        socket_dir = self._socket_dir()
        for mode, seconds in (("fast", _PATIENCE), ("immediate", _PATIENCE / 6)):
            self.runner.run(programs / "pg_ctl", "stop", "-D", self.data_dir, "-m", mode, "-W")
            if any(self._is_gone() for _ in patiently(seconds)):
                break
        else:
            raise failure(self.data_dir, f"PostgreSQL did not stop within {_PATIENCE:.0f} seconds")
        if socket_dir is not None:
            remove_socket_dir(socket_dir, self.data_dir, self.runner)

    @property
    def _lock(self) -> Path:
        return self.directory / "postgres.server.lock"

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "postmaster.pid"

    def _is_gone(self) -> bool:
        with opened(self._lock) as lock:
            return locked(lock)

    def _launch(self, lock: int) -> None:
        """Start the server and leave; whoever holds `lock` knows that none runs."""
        programs = reachable_programs(self.directory, self.runner, self.report)
        durable = self.settings.get("fsync") != "off"
        create_if_missing(
            self.data_dir, programs=programs, runner=self.runner, lock=lock, durable=durable, report=self.report
        )
        remove_other_copies(self.directory, programs)
        self.report(f"Starting PostgreSQL {MAJOR}")
        socket_dir = choose_socket_dir(self.data_dir, self._socket_dir(), self.runner)
        # PostgreSQL clears these up itself, unless the process id in them belongs to another process by now.
        for stale in (self._pid_file, socket_file(socket_dir).with_name(f"{socket_file(socket_dir).name}.lock")):
            stale.unlink(missing_ok=True)
        quoted = str(socket_dir).replace('"', '""')
        fixed = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
        }
        options = [f"--{name}={value}" for name, value in {**_DEFAULTS, **self.settings, **fixed}.items()]
        launch = ("/bin/sh", "-c", _LAUNCH, "sh", self.data_dir / "start.log")
        launched = self.runner.run(*launch, programs / "postgres", "-D", self.data_dir, *options, pass_fds=[lock])
        if launched.returncode != 0:
            raise failure(self.data_dir, "PostgreSQL could not be started", os.fsdecode(launched.stderr))

    def _dsn_if_ready(self) -> str | None:
        postmaster, socket_dir = self._postmaster(), self._socket_dir()
        if socket_dir is None or len(postmaster) < 8 or postmaster[7].strip() != "ready":
            return None
        try:
            connection = psycopg.connect(
                dsn(socket_dir, role=ROLE, database="postgres"), autocommit=True, connect_timeout=10
            )
        except psycopg.OperationalError:
            return None  # the file has outlived its server
        try:
            with connection:
                if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.Error as error:
            raise failure(self.data_dir, "The database could not be created", str(error)) from error
        return dsn(socket_dir, role=ROLE, database=DATABASE)

    def _socket_dir(self) -> Path | None:
        postmaster = self._postmaster()
        return Path(postmaster[4]) if len(postmaster) > 4 else None

    def _postmaster(self) -> list[str]:
        """The lines of postmaster.pid: process, data directory, start, port, socket folder, address, memory, status.

        No lines if there is no such file, or if it came along in a copy of a directory that was in use.
        """
        try:
            lines = os.fsdecode(self._pid_file.read_bytes()).splitlines()
        except FileNotFoundError:
            return []
        return lines if lines[1:2] == [str(self.data_dir)] else []
