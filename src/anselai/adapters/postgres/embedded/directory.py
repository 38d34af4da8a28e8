"""The data directory: made if missing, safe to use, and within reach of the account that PostgreSQL runs as.

The mode of nothing that exists is changed. What cannot be reached as it is, is an error that says so.
"""

import os
import stat
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from anselai.adapters.postgres.embedded.account import ACCOUNT, Runner, name_of
from anselai.domain.errors import EmbeddedDatabaseFailed

_FIRST_CLOSED = 'for folder in "$@"; do [ -x "$folder" ] || { printf %s "$folder"; exit 1; }; done'


def prepare_directory(directory: Path, runner: Runner) -> None:
    """Make the directory if it is missing, and see that the account can pass to it.

    As root, an empty private directory of root's own (from `mktemp -d`) is handed to the account, its mode as it was.
    """
    missing = list(takewhile(lambda folder: not folder.exists(), (directory, *directory.parents)))
    if runner.switched:
        if not missing:
            _hand_over_if_empty(directory, runner)
            refuse_strangers(directory, runner, allowed=[0, runner.uid])
        existing = [folder for folder in (*reversed(directory.parents), directory) if folder not in missing]
        _refuse_closed(existing, runner)
    for folder in reversed(missing):
        make_folder(folder, 0o711 if runner.switched else 0o700)  # the account passes; it cannot list or write


def refuse_strangers(folder: Path, runner: Runner, *, allowed: Sequence[int]) -> None:
    """A database made as root is not taken up by an ordinary user, nor the other way round."""
    owner = folder.stat().st_uid
    if owner in allowed:
        return
    name = name_of(owner)
    starter = "root" if name == ACCOUNT else name
    again = f"Start AnselAI as {starter}, or choose" if owner else "Choose"  # PostgreSQL never runs as root
    raise EmbeddedDatabaseFailed(
        f"{folder} belongs to the account {name}, and {name_of(runner.uid)} cannot run PostgreSQL in it. "
        f"{again} another ANSELAI_DATA_DIR. Nothing was changed."
    )


def make_folder(folder: Path, mode: int) -> None:
    """Make it with exactly this mode; one that exists keeps its own."""
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        if folder.is_dir():
            return
        raise
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, mode)  # mkdir alone would leave it to the umask
    finally:
        os.close(descriptor)


def _hand_over_if_empty(directory: Path, runner: Runner) -> None:
    # Listed before it is asked for its owner: another process that hands it over puts files in only after that.
    empty = not any(directory.iterdir())
    found = directory.stat()
    if empty and found.st_uid == 0 and stat.S_IMODE(found.st_mode) == 0o700:
        os.chown(directory, runner.uid, -1)


def _refuse_closed(folders: list[Path], runner: Runner) -> None:
    check = runner.run("/bin/sh", "-c", _FIRST_CLOSED, "sh", *folders)
    if check.returncode == 0:
        return
    raise EmbeddedDatabaseFailed(
        f"PostgreSQL does not run as root, and the account {ACCOUNT} that runs it instead cannot pass the folder "
        f"{os.fsdecode(check.stdout)}. Choose another ANSELAI_DATA_DIR, such as /var/lib/anselai, or start AnselAI "
        f"as an ordinary user. No permission was changed."
    )
