"""What these figures were measured on. Nothing that tells one machine from another of its kind."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psycopg

FSYNC_TRIES = 50


def described(dsn: str, disk: Path) -> str:
    """One line about the machine. `disk` is a folder on the disk that the database is on."""
    with psycopg.connect(dsn) as connection:
        postgres = ".".join(str(part) for part in divmod(connection.info.server_version, 10_000))
    facts = [
        f"{os.cpu_count()} cores" + (f" ({model})" if (model := _cpu_model()) else ""),
        *([f"{memory:.0f} GB memory"] if (memory := _memory()) else []),
        f"{platform.system()}",
        f"Python {platform.python_version()}",
        f"PostgreSQL {postgres}",
        f"psycopg {version('psycopg')}",
        f"a write and fsync takes {_fsync(disk) * 1000:.2g} ms",
    ]
    return ", ".join(facts)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _memory() -> float:
    """Gigabytes; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return 0.0


def _fsync(disk: Path) -> float:
    """Seconds. No durable commit can be faster than this."""
    probe = disk / "fsync.probe"
    seconds = []
    with probe.open("wb", buffering=0) as file:
        for _ in range(FSYNC_TRIES):
            began = time.perf_counter()
            file.write(b"\0" * 8192)
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - began)
    probe.unlink()
    return median(seconds)
