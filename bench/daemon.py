"""`anselai scheduler` and `anselai serve` as an operator starts them, with the benchmark's platforms installed."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ours.opened import KEY
from bench.ours.platform import ENTRY_POINTS, TRACE
from bench.processes import ANSELAI, PATIENCE, ROOT
from bench.studios import Schedule

POLL = 0.01  # seconds
API_KEY = "of-benchmarks-only-71c0e5d94ab82f36-known-to-all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A process of ours, and what its platforms noted."""

    process: "subprocess.Popen[bytes]"
    trace: Path
    out: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def calls(self, since: int = 0) -> Sequence[tuple[float, Schedule]]:
        """When, in seconds since 1970, and for what the platforms were called; the first `since` calls are left out."""
        lines = self.trace.read_text().splitlines()[since:]
        told = (line.split(" ") for line in lines)
        return [(float(instant), (studio, platform, frequency)) for instant, studio, platform, frequency in told]

    def wait_for_calls(self, count: int) -> None:
        """Until the platforms were called that often, all in all."""
        self._wait(lambda: self.trace.read_bytes().count(b"\n") >= count, f"{count:,} calls of a platform")

    def wait_until_it_says(self, words: str) -> None:
        self._wait(lambda: words in self.out.read_text(), f"the words {words!r}")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        for _ in patiently(what):
            if condition():
                return
            if self.process.poll() is not None:
                raise SystemExit(f"It ended before {what}; it says:\n{self.out.read_text()}")


@contextmanager
def scheduler(dsn: str) -> Iterator[Daemon]:
    """A daemon that has started to work."""
    with _running(dsn, "scheduler") as daemon:
        daemon.wait_until_it_says("The scheduler runs on")
        yield daemon


@contextmanager
def http_api(dsn: str, port: int) -> Iterator[Daemon]:
    """The API alone, which answers to API_KEY."""
    with _running(dsn, "serve", "--no-scheduler", ANSELAI_PORT=str(port), ANSELAI_API_KEY=API_KEY) as daemon:
        daemon.wait_until_it_says(f":{port}")
        yield daemon


@contextmanager
def _running(dsn: str, *command: str, **settings: str) -> Iterator[Daemon]:
    with TemporaryDirectory(prefix="anselai-bench-") as name:  # so that no .env is read
        folder = Path(name)
        trace, out = folder / "trace", folder / "out"
        trace.touch()
        with (
            out.open("w") as file,
            subprocess.Popen(
                [ANSELAI, *command],
                cwd=folder,
                env=_environment(dsn, folder) | {TRACE: str(trace)} | settings,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            ) as process,
        ):
            try:
                yield Daemon(process=process, trace=trace, out=out)
            finally:
                process.terminate()
                process.wait(PATIENCE)


def _environment(dsn: str, folder: Path) -> dict[str, str]:
    """Our platforms are found in `folder`, as those of an installed package are."""
    installed = folder / "bench-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: bench\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(ENTRY_POINTS)
    path = [str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": dsn,
        "ENCRYPTION_KEY": KEY.reveal(),
    }


def patiently(what: str) -> Iterator[None]:
    """Turns of waiting for something."""
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until:
        yield
        time.sleep(POLL)
    raise SystemExit(f"Waited for {what} in vain.")


def now() -> float:
    """Seconds since 1970, as the platforms note them."""
    return time.time()


def instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
