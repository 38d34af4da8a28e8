"""The folder of the server's Unix socket: only its owner, and root, can pass to it."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from anselai.adapters.postgres.embedded.account import Runner
from anselai.domain.errors import EmbeddedDatabaseFailed

PORT = "5432"  # nothing listens on TCP; it names the socket's file

_PATH_LIMIT = 103  # bytes: sun_path without its closing zero on macOS; Linux takes 107


def choose_socket_dir(data_dir: Path, previous: Path | None, runner: Runner) -> Path:
    """The cluster's own directory, or, where its name is too long for a socket, a new private one among the temporary.

    That one has a name that nobody can foresee; `postmaster.pid` tells it to others. After a crash the previous one is
    taken again, so that the DSN of those who still use the database stays good.
    """
    if _fits(data_dir):
        return data_dir
    if previous is not None and _is_private(previous, runner) and _fits(previous):
        return previous
    for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes the name and the mode safe
        folder = Path(tempfile.mkdtemp(prefix="anselai-", dir=base)).resolve()
        runner.own(folder)
        if _fits(folder) and runner.run("test", "-x", folder).returncode == 0:
            return folder
        folder.rmdir()
    raise EmbeddedDatabaseFailed(
        f"The path {data_dir} is too long for a Unix socket, and so is the temporary folder. Set TMPDIR to a "
        f"short path, or choose a shorter ANSELAI_DATA_DIR."
    )


def remove_socket_dir(folder: Path, data_dir: Path, runner: Runner) -> None:
    """Remove one that was made for the server; what is left in it is no reason to fail."""
    if folder != data_dir and _is_private(folder, runner):
        with suppress(OSError):
            folder.rmdir()


def socket_file(folder: Path) -> Path:
    """What PostgreSQL calls its socket there."""
    return folder / f".s.PGSQL.{PORT}"


def dsn(folder: Path, *, role: str, database: str) -> str:
    """The port is named because PGPORT would change it otherwise."""
    return f"postgresql://{role}@/{database}?host={quote(os.fsencode(folder))}&port={PORT}"


def _fits(folder: Path) -> bool:
    """Short enough; and without a comma, at which clients split a list of hosts."""
    return len(os.fsencode(socket_file(folder))) <= _PATH_LIMIT and "," not in str(folder)


def _is_private(folder: Path, runner: Runner) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == runner.uid and not found.st_mode & 0o077
