"""What went wrong with the embedded PostgreSQL, and what to do about it."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anselai.domain.errors import EmbeddedDatabaseFailed

WAYS_OUT = "You can choose another ANSELAI_DATA_DIR, or set DATABASE_URL to use a PostgreSQL of your own."

_ADVICE = {
    errno.EACCES: "Start AnselAI as the user it belongs to.",
    errno.EPERM: "Start AnselAI as the user it belongs to.",
    errno.ENOSPC: "The disk is full: free some space and start again.",
    errno.EDQUOT: "The quota is used up: free some space and start again.",
    errno.EROFS: "The file system is read-only: make it writable and start again.",
}
_LOG_LINES = 6
_LOW_SPACE = 64 * 2**20  # bytes; a new database takes 40 MB


@contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turn an operating system's error about the directory into ours."""
    try:
        yield
    except OSError as error:
        told = f"The database in {directory} cannot be used: {error.strerror}: {error.filename or directory}."
        advice = _ADVICE.get(error.errno or 0)
        raise EmbeddedDatabaseFailed(" ".join(filter(None, [told, advice, WAYS_OUT]))) from error


def failure(data_dir: Path, reason: str, output: str = "") -> EmbeddedDatabaseFailed:
    """The reason, with the last lines of what a program printed or else of the server's logs, and what to do."""
    lines = output.splitlines() or [line for log in _logs(data_dir) for line in _tail(log)]
    free = shutil.disk_usage(data_dir.parent).free
    full = f"The disk has only {free // 2**20} MB left: free some space and start again. " if free < _LOW_SPACE else ""
    told = [f"  {line}" for line in lines[-_LOG_LINES:]] or ["  nothing in its log"]
    return EmbeddedDatabaseFailed("\n".join([f"{reason} in {data_dir}:", *told, full + WAYS_OUT]))


def _logs(data_dir: Path) -> list[Path]:
    """Oldest first: what was printed before the log was open, and the log of the day."""
    logs = [data_dir / "start.log", *data_dir.glob("log/*.log")]
    return sorted((log for log in logs if log.is_file()), key=lambda log: log.stat().st_mtime)[-2:]


def _tail(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        return os.fsdecode(file.read()).splitlines()[-_LOG_LINES:]
