"""Running `anselai …` in a folder of its own, with an environment that holds nothing else."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from anselai.adapters.postgres.embedded.locks import locked, opened
from anselai.entrypoints import cli
from anselai.entrypoints.cli import main
from anselai.entrypoints.http.areas import is_for_programs

COMMAND = (sys.executable, "-m", "anselai.entrypoints.cli")
SOURCE = str(Path(cli.__file__).parents[3])  # what is tested here is what is started
PATIENCE = 30.0  # seconds
KEY = "processes-only-5c2e9b7d1f408a63-of-tests"  # the ANSELAI_API_KEY of every process that is started here


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A folder to run commands in. `data` is the ANSELAI_DATA_DIR, which need not exist."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def environment(self, **settings: str) -> dict[str, str]:
        given = {**self.settings, **settings}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ANSELAI_DATA_DIR": str(self.data),
            "ANSELAI_PORT": "0",
            "ANSELAI_API_KEY": KEY,
            **given,
            "PYTHONPATH": os.pathsep.join(filter(None, [given.get("PYTHONPATH"), SOURCE])),
        }

    def run(self, *arguments: str, given: str = "", **settings: str) -> "Done":
        """Run a command to its end, in this process, which saves its start; `given` is its standard input."""
        environment: dict[str, str | None] = dict.fromkeys(os.environ)
        with chdir(self.folder), log_of_its_own():
            result = CliRunner().invoke(
                main, arguments, input=given, env=environment | self.environment(**settings), prog_name="anselai"
            )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(code=result.exit_code, out=result.stdout, err=result.stderr)

    def json(self, *arguments: str, given: str = "", **settings: str) -> Any:
        """What a command prints with --json."""
        done = self.run(*arguments, "--json", given=given, **settings)
        assert done.code == 0, done.err
        return json.loads(done.out)

    @contextmanager
    def started(self, *arguments: str, **settings: str) -> Iterator["Started"]:
        """Start a command that goes on. Whatever is left of it at the end is killed."""
        number = len(list(self.folder.glob("*.out")))
        out, err = self.folder / f"{number}.out", self.folder / f"{number}.err"
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=self.folder,
                env=self.environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        try:
            yield Started(process=process, out=out, err=err)
        finally:
            process.kill()
            process.wait()

    def database_runs(self) -> bool:
        """Whether the embedded PostgreSQL of this folder runs."""
        if not self.data.exists():
            return False
        with opened(self.data / "postgres.server.lock") as lock:
            return not locked(lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a command: its exit code, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(slots=True, kw_only=True)
class Started:
    """A running command."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path
    address: str = ""

    def until(self, pattern: str) -> "Started":
        """Wait for it to print something, on either output."""
        for _ in patiently(f"{pattern!r} is never printed"):
            if re.search(pattern, self.printed):
                return self
            assert self.process.poll() is None, self.printed
        raise AssertionError("unreachable")

    def ready(self) -> "Started":
        """Wait for the start screen of `serve`."""
        self.until("Ctrl-C\n")
        found = re.search(r"is ready: (http://\S+)", self.printed)
        assert found is not None, self.printed
        self.address = found[1]
        return self

    @property
    def printed(self) -> str:
        return self.out.read_text() + self.err.read_text()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The `data` of an answer of the API."""
        answer = self.answer(method, path, body)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def answer(self, method: str, path: str, body: object = None) -> httpx.Response:
        """With the key at the API, and as somebody who signed in with it at a page."""
        with httpx.Client(base_url=self.address, timeout=PATIENCE, trust_env=False) as client:
            if is_for_programs(path.partition("?")[0]):
                client.headers["Authorization"] = f"Bearer {KEY}"
            else:
                sign_in(client, KEY)
            return client.request(method, path, json=body)

    def stop(self, signal_: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal, wait for the end; the exit code."""
        self.process.send_signal(signal_)
        return self.process.wait(PATIENCE)


def sign_in(client: httpx.Client, key: str) -> None:
    """By the form of the sign-in page."""
    found = re.search(r'name="formToken" value="([^"]+)"', client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"formToken": found[1] if found else "", "apiKey": key})
    assert answer.status_code == 303, answer.text


@contextmanager
def log_of_its_own() -> Iterator[None]:
    """Let a command set up the log, and undo that."""
    root, ours = logging.getLogger(), logging.getLogger("anselai")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(False)


def patiently(otherwise: str) -> Iterator[None]:
    """Turns of a loop that waits for another process."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)
    raise AssertionError(otherwise)
