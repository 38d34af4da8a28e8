"""Real processes, a real PostgreSQL, a provider over HTTP: killed, stopped, restarted, and judged."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from anselai.adapters.crypto.keyring import generate_secret
from anselai.application.ansel import Ansel
from anselai.container.opening import open_on
from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import AnselError, RefreshUnanswered
from anselai.domain.secret import Secret
from anselai.settings import Settings
from refreshes.platform import NAME, PORT
from refreshes.wire import ask

ROOT = Path(__file__).parent.parent
STARTING = 30.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Times are in seconds; `refreshes` are those that more than one process asked for."""

    refreshes: int
    processes: int = 4
    callers: int = 24
    crowd: float = 0.02
    connections: int = 60
    bad_manners: float = 0.03
    skew: float = 3600.0
    patience: float = 5.0
    kill_every: float = 2.0
    restart_every: float = 45.0
    longest: float = 3600.0


FULL = Size(refreshes=5_000)
SMALL = Size(refreshes=15, processes=2, callers=3, crowd=0.1, connections=8, patience=1.0, kill_every=3.0, longest=90.0)


@dataclass(slots=True, kw_only=True)
class Result:
    contested: int
    seconds: float
    expired: int
    counts: Counter[str]
    broken: list[str]


@dataclass(slots=True, kw_only=True)
class Fleet:
    """`places` are the processes that run; each has had as many before it as were killed."""

    restart: Callable[[str], None] | None
    size: Size
    folder: Path
    dsn: str
    port: int
    key: str = field(default_factory=lambda: generate_secret().reveal(), repr=False)
    places: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    replaced: set[tuple[str, int]] = field(default_factory=set)
    askers: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    newest: Counter[str] = field(default_factory=Counter)
    read_to: Counter[int] = field(default_factory=Counter)  # bytes of each place's trace
    expired: int = 0

    async def run(self) -> Result:
        began = time.monotonic()
        settings = Settings(database_url=Secret(self.dsn), encryption_key=Secret(self.key), data_dir=self.folder)
        async with open_on(Secret(self.dsn), settings) as ansel:
            await self.populate(ansel)
            self.places = [self.start(place) for place in range(self.size.processes)]
            harm = asyncio.create_task(self.harm())
            people = asyncio.create_task(self.reconnect(ansel))
            over = began + self.size.longest
            while time.monotonic() < over and not (self.is_enough() or self.broken):  # noqa: ASYNC110
                await asyncio.sleep(1)
            if not self.is_enough():
                self.broken.append(
                    f"no more than {self.contested()} of {self.size.refreshes} refreshes were fought over"
                )
            await _end(harm)
            seconds = time.monotonic() - began
            await self.settle(people)
            await self.judge(ansel)
        return Result(
            contested=self.contested(), seconds=seconds, expired=self.expired, counts=self.counts, broken=self.broken
        )

    def is_enough(self) -> bool:
        return self.contested() >= self.size.refreshes and self.counts["processes killed"] > 0

    async def populate(self, ansel: Ansel) -> None:
        for number in range(self.size.connections):
            name = f"studio-{number}"
            await ansel.access.add_studio(name)
            _, tokens = await ask(self.port, "/connect", {"account": name})
            await ansel.connections.save_connection(
                NAME, access_token=tokens["access"], refresh_token=tokens["refresh"], studio=name
            )

    def start(self, place: int) -> "subprocess.Popen[bytes]":
        size, out = self.size, self.folder / f"{place}.out"
        options = {
            "connections": size.connections,
            "callers": size.callers,
            "crowd": size.crowd,
            "skew": random.uniform(-1, 1) * size.skew,  # noqa: S311
            "patience": size.patience,
            "trace": self.folder / f"{place}.trace",
            "calm": self.folder / "calm",
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT), str(ROOT / "src")]),
            "DATABASE_URL": self.dsn,
            "ENCRYPTION_KEY": self.key,
            PORT: str(self.port),
        }
        with out.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "refreshes.daemon", *arguments], env=environment, stdout=file, stderr=file
            )

    async def harm(self) -> None:
        """SIGKILL and SIGSTOP, one process after another; now and then the database is started again."""
        restart_at = time.monotonic() + self.size.restart_every
        while True:
            await asyncio.sleep(self.size.kill_every * random.uniform(0.5, 1.5))  # noqa: S311
            place = random.randrange(self.size.processes)  # noqa: S311
            if self.counts["processes killed"] and random.random() < 0.3:  # noqa: S311  no fight without a death
                self.counts["processes stopped for a while"] += 1
                self.places[place].send_signal(signal.SIGSTOP)
                await asyncio.sleep(random.choice((0.2, 2 * self.size.patience + 1)))  # noqa: S311
                self.places[place].send_signal(signal.SIGCONT)
            else:
                self.counts["processes killed"] += 1
                if (code := self.places[place].poll()) is not None:
                    self.broken.append(f"process {place} ended by itself with {code}: {self.folder / str(place)}.out")
                self.places[place].kill()
                self.places[place].wait()
                self.places[place] = self.start(place)
            if self.restart is not None and time.monotonic() > restart_at:
                self.counts["restarts of the database"] += 1
                await asyncio.to_thread(self.restart, random.choice(("fast", "immediate")))  # noqa: S311
                restart_at = time.monotonic() + self.size.restart_every

    async def reconnect(self, ansel: Ansel) -> None:
        """The photographers, who read what their connections say."""
        while True:
            await asyncio.sleep(1)
            with suppress(AnselError):
                for number in range(self.size.connections):
                    await self.look_at(ansel, f"studio-{number}")

    async def look_at(self, ansel: Ansel, studio: str) -> None:
        stored = await ansel.connections.connections.get(ConnectionKey(studio, NAME))
        if stored.status is not ConnectionStatus.EXPIRED:
            return
        if stored.last_error_code != RefreshUnanswered.code or not stored.last_error:
            self.broken.append(f"{studio} expired because of {stored.last_error_code}: {stored.last_error}")
        _, tokens = await ask(self.port, "/connect", {"account": studio})
        self.expired += 1
        self.replaced.add((studio, stored.token_version))
        while True:
            with suppress(AnselError):
                await ansel.connections.update_connection(
                    NAME, access_token=tokens["access"], refresh_token=tokens["refresh"], studio=studio
                )
                return
            await asyncio.sleep(0.2)

    async def settle(self, people: "asyncio.Task[None]") -> None:
        """Nobody asks any more; questions whose owners died come to light when their leases end."""
        for each in self.places:
            each.send_signal(signal.SIGCONT)
        (self.folder / "calm").touch()
        await ask(self.port, "/calm", {})
        await asyncio.sleep(3 * self.size.patience + 4)
        await _end(people)

    async def judge(self, ansel: Ansel) -> None:
        _, books = await ask(self.port, "/books", {})
        self.counts.update(books["counts"])
        for studio, living in books["living"].items():
            stored = await ansel.connections.connections.get(ConnectionKey(studio, NAME))
            if stored.status is ConnectionStatus.EXPIRED and stored.last_error_code == RefreshUnanswered.code:
                continue
            token = ansel.connections.vault.open_credentials(stored).refresh_token
            if token is None or token.reveal() != living:
                self.broken.append(f"{studio} lost its token without a word: {stored}")
        if reused := books["counts"].get("reused"):
            self.broken.append(f"{reused} refresh tokens were used again")

    def contested(self) -> int:
        """Token versions that more than one process asked to replace, and that a refresh replaced."""
        for place, studio, version in self.asked_since():
            self.askers.setdefault((studio, version), set()).add(place)
            self.newest[studio] = max(self.newest[studio], version)
        return sum(
            len(places) > 1 and self.newest[studio] > version and (studio, version) not in self.replaced
            for (studio, version), places in self.askers.items()
        )

    def asked_since(self) -> Iterator[tuple[int, str, int]]:
        """What the processes wrote down since the last time: the place, the studio, the version of its tokens."""
        for place in range(self.size.processes):
            trace = self.folder / f"{place}.trace"
            if not trace.exists():
                continue
            with trace.open("rb") as file:
                file.seek(self.read_to[place])
                lines = file.read()
            whole = lines[: lines.rfind(b"\n") + 1]
            self.read_to[place] += len(whole)
            for studio, _, version in (line.partition(" ") for line in whole.decode().splitlines()):
                if studio != "!":
                    yield place, studio, int(version)


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancels what goes on for ever; raises what ended it before."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def fight(dsn: str, size: Size, folder: Path, restart: Callable[[str], None] | None = None) -> Result:
    """From an empty database to the verdict. `restart` stops the server in a mode of pg_ctl, and starts it again."""
    installed = folder / "refreshes-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: refreshes\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[anselai.platforms]\nonce = refreshes.platform:OncePlatform\n")
    with _provider(folder, size) as port, _importable(folder):
        fleet = Fleet(restart=restart, size=size, folder=folder, dsn=dsn, port=port)
        try:
            return asyncio.run(fleet.run())
        finally:
            for each in fleet.places:
                each.kill()
                each.wait()


@contextmanager
def _provider(folder: Path, size: Size) -> Iterator[int]:
    port_file = folder / "port"
    arguments = ["--port-file", str(port_file), "--bad-manners", str(size.bad_manners)]
    process = subprocess.Popen([sys.executable, "-m", "refreshes.wire", *arguments], cwd=ROOT)
    try:
        deadline = time.monotonic() + STARTING
        while not port_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("The provider does not start.")
            time.sleep(0.02)
        yield int(port_file.read_text())
    finally:
        process.kill()
        process.wait()


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The plug-in is installed here too, for who connects and judges."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
