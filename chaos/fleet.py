"""The daemons under test: real processes, with the platform of this package installed as a plug-in."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anselai.adapters.crypto.keyring import generate_secret
from chaos.platform import HURRY, SYNC, TRACE
from chaos.size import Size

ROOT = Path(__file__).parent.parent
PATIENCE = 30.0  # seconds


@dataclass(slots=True, kw_only=True)
class Daemon:
    """One process, until it ends or is killed."""

    process: "subprocess.Popen[bytes]"
    trace: Path
    out: Path
    killed_at: float | None = None

    @property
    def works(self) -> bool:
        return "The scheduler runs on" in self.out.read_text()

    @property
    def last_words(self) -> str:
        return self.out.read_text()[-2000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.killed_at = time.time()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@dataclass(slots=True, kw_only=True)
class Fleet:
    """`dsns` has an address of the database for each place in the fleet; `ended` are processes that are gone."""

    folder: Path
    dsns: list[str]
    size: Size
    key: str = field(default_factory=lambda: generate_secret().reveal(), repr=False)
    daemons: list[Daemon] = field(default_factory=list)
    ended: list[Daemon] = field(default_factory=list)

    def start_all(self) -> None:
        self.daemons = [self._start(place) for place in range(len(self.dsns))]
        self.wait_until_all_work()

    def wait_until_all_work(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not all(each.works for each in self.daemons):
            for each in self.daemons:
                if each.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"A daemon does not start:\n{each.out.read_text()}")
            time.sleep(0.05)

    def replace(self, place: int) -> None:
        """Kill the daemon at this place without a warning, and start another one there."""
        killed = self.daemons[place]
        killed.kill()
        self.ended.append(killed)
        self.daemons[place] = self._start(place)

    def hurry(self) -> None:
        """Let syncs take no time from now on."""
        self._hurry.touch()

    def stop_all(self) -> list[int]:
        """Ask all to stop, in order; their exit codes."""
        for each in self.daemons:
            each.signal(signal.SIGTERM)
        codes = [each.process.wait(PATIENCE) for each in self.daemons]
        self.ended += self.daemons
        self.daemons = []
        return codes

    def kill_all(self) -> None:
        for each in self.daemons:
            each.signal(signal.SIGCONT)
            each.kill()
        self.ended += self.daemons
        self.daemons = []

    @property
    def _hurry(self) -> Path:
        return self.folder / "hurry"

    def _start(self, place: int) -> Daemon:
        number = len(self.ended) + len(self.daemons)
        name = f"{place}-{number}-{time.monotonic_ns()}"
        trace, out = self.folder / f"{name}.trace", self.folder / f"{name}.out"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT), str(ROOT / "src")]),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": self.dsns[place],
            "ENCRYPTION_KEY": self.key,
            TRACE: str(trace),
            HURRY: str(self._hurry),
            SYNC: str(self.size.sync),
        }
        arguments = ["--lease", str(self.size.lease), "--concurrency", str(self.size.concurrency)]
        with out.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "chaos.daemon", *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        trace.touch()
        return Daemon(process=process, trace=trace, out=out)


@contextmanager
def a_fleet(folder: Path, dsns: list[str], size: Size) -> Iterator[Fleet]:
    """Nothing of it is left at the end."""
    installed = folder / "chaos-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: chaos\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[anselai.platforms]\nchaos = chaos.platform:ChaosPlatform\n")
    fleet = Fleet(folder=folder, dsns=dsns, size=size)
    try:
        yield fleet
    finally:
        fleet.kill_all()
