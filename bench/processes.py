"""Contestants run in processes of their own: the product's in its environment, the peers in theirs."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parent.parent
PRODUCT = Path(sys.executable)
ANSELAI = PRODUCT.parent / "anselai"
PEERS = ROOT / "bench" / ".venv" / "bin" / "python"
PATIENCE = 120.0  # seconds, for one round


def told_by(python: Path, module: str, *arguments: str, cores: Collection[int] = ()) -> dict[str, Any]:
    """Run a module to its end; what it printed, which is JSON. Its stderr is shown only when it fails."""
    done = subprocess.run(
        [python, "-m", module, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
        check=False,
        preexec_fn=_pinned(cores),
    )
    if done.returncode != 0:
        raise SystemExit(f"{module} failed:\n{done.stderr}")
    return cast("dict[str, Any]", json.loads(done.stdout)) if done.stdout.strip() else {}


@contextmanager
def serving(python: Path, module: str, *arguments: str, cores: Collection[int] = ()) -> Iterator[int]:
    """Run a module that serves HTTP and prints its port in a line; that port. It is stopped at the end."""
    with subprocess.Popen(
        [python, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=_pinned(cores)
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.strip().isdecimal():
                raise SystemExit(f"{module} did not start: see above")
            yield int(line)
        finally:
            process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def split_cores() -> tuple[frozenset[int], frozenset[int]]:
    """A core for the server that is measured, and the others for all else; nothing where cores cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return frozenset(), frozenset()
    first, *others = sorted(os.sched_getaffinity(0))
    return frozenset([first]), frozenset(others)


def pin(process: int, cores: Collection[int]) -> None:
    """Keep a process, and those that it forks from now on, on these cores. Not where it belongs to somebody else."""
    if cores and hasattr(os, "sched_setaffinity"):
        try:
            os.sched_setaffinity(process, cores)
        except PermissionError:
            return


def _pinned(cores: Collection[int]) -> Callable[[], None] | None:
    return (lambda: pin(0, cores)) if cores else None
