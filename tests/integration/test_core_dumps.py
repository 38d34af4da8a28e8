"""A daemon that crashes leaves no core dump, and nor does the database that it started."""

import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from anselai.adapters.postgres.embedded import start_embedded
from tests.integration.processes import Home, patiently

CRASH = """
import ctypes, os, resource, sys
from anselai.entrypoints.daemon import run_process

async def crash():
    print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
    os.kill(os.getpid(), int(sys.argv[2]))

run_process(crash()) if sys.argv[1] == "daemon" else crash().send(None)
"""  # 3 is PR_GET_DUMPABLE
LIMIT = "Max core file size"


def crashed(what: str, signal_: signal.Signals, folder: Path) -> tuple[int, str]:
    """What became of a process that was ended by this signal, os.CLD_KILLED or os.CLD_DUMPED, and what it printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", CRASH, what, str(signal_.value)],
        cwd=folder,
        preexec_fn=as_large_as_may_be,
        stdout=subprocess.PIPE,
        text=True,
    )
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    printed, _ = process.communicate()
    assert ended is not None
    assert ended.si_status == signal_
    return ended.si_code, printed.strip()


def as_large_as_may_be() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@pytest.mark.parametrize("signal_", [signal.SIGSEGV, signal.SIGABRT])
def test_a_daemon_dumps_nothing_where_another_process_would(signal_: signal.Signals, tmp_path: Path) -> None:
    assert crashed("daemon", signal_, tmp_path) == (os.CLD_KILLED, "(0, 0) 0")
    assert list(tmp_path.iterdir()) == []
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard != 0:  # otherwise nobody on this machine may dump anything
        assert crashed("another", signal_, tmp_path)[0] == os.CLD_DUMPED


def test_serve_and_its_database_are_not_dumped(home: Home) -> None:
    with home.started("serve") as serve:
        serve.ready()
        database = int((home.data / "postgres" / "postmaster.pid").read_text().split()[0])
        assert limit_of(serve.process.pid) == limit_of(database) == ["0", "0", "bytes"]
        serve.process.send_signal(signal.SIGSEGV)
        ended = os.waitid(os.P_PID, serve.process.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        assert ended.si_code == os.CLD_KILLED
    start_embedded(home.data).stop()  # nobody was left to do so


def test_a_command_is_not_dumped_either(external: Home) -> None:
    tokens = external.folder / "tokens"
    os.mkfifo(tokens)
    with external.started("connections", "add", "google", "--access-token-file", str(tokens)) as command:
        for _ in patiently("it never reads the token"):
            with suppress(OSError):  # nobody reads yet
                os.close(os.open(tokens, os.O_WRONLY | os.O_NONBLOCK))
                break
        assert limit_of(command.process.pid) == ["0", "0", "bytes"]


def limit_of(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith(LIMIT)).removeprefix(LIMIT).split()
