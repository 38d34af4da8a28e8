"""Locks that the kernel frees when their last holder is gone, however it went.

A process id in a file may be stale, or belong to somebody else by now; a held lock is the truth.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.005  # seconds between two looks


def patiently(seconds: float) -> Iterator[None]:
    """Turns of a loop that looks every few milliseconds, until the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(_PAUSE)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor to lock. Programs that we start do not inherit it unless it is passed to them."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def locked(descriptor: int) -> bool:
    """Take the exclusive lock if nobody else holds any."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def share(descriptor: int) -> None:
    """Take the shared lock; waits for an exclusive holder."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def release(descriptor: int) -> None:
    """Let go before the descriptor is closed."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
