"""Making the cluster: once, by initdb, and only whole."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from anselai.adapters.postgres.embedded.account import Runner
from anselai.adapters.postgres.embedded.errors import failure
from anselai.adapters.postgres.embedded.programs import MAJOR
from anselai.domain.errors import EmbeddedDatabaseFailed

ROLE = "anselai"

_OPTIONS = (
    *("--username", ROLE),
    *("--encoding", "UTF8"),
    # The builtin provider sorts and folds the same on every machine, whatever locales its C library has.
    *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
    *("--auth-local", "trust", "--auth-host", "reject"),  # who may connect is a matter of the socket's folder and mode
    "--data-checksums",
    "--no-instructions",
)


def create_if_missing(
    data_dir: Path, *, programs: Path, runner: Runner, lock: int, durable: bool, report: Callable[[str], None]
) -> None:
    """Make a cluster unless there is one, or refuse the one there is.

    initdb works beside, in a folder that is renamed at the end, so that a killed one leaves nothing that looks like a
    cluster. It inherits `lock`, so that nobody starts another one before it is gone.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        return _refuse_unless_ours(data_dir)
    report(f"Creating the database in {data_dir}")
    fresh = data_dir.with_name(f"{data_dir.name}.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(0o700)
    runner.own(fresh)
    unsafe = () if durable else ("--no-sync",)
    made = runner.run(programs / "initdb", "--pgdata", fresh, *_OPTIONS, *unsafe, pass_fds=[lock])
    if made.returncode != 0:
        raise failure(data_dir, "The database could not be created", os.fsdecode(made.stderr))
    fresh.rename(data_dir)
    return None


def _refuse_unless_ours(data_dir: Path) -> None:
    version = data_dir / "PG_VERSION"
    if not version.exists():
        raise EmbeddedDatabaseFailed(
            f"{data_dir} holds files that are no database. Move them away, or choose another ANSELAI_DATA_DIR. "
            f"Nothing was changed."
        )
    found = version.read_text().strip()
    if found != MAJOR:
        raise EmbeddedDatabaseFailed(
            f"{data_dir} holds a database of PostgreSQL {found}, and AnselAI brings PostgreSQL {MAJOR}. Dump it with "
            f"pg_dump {found} and move the folder away, then start AnselAI and restore the dump; or choose another "
            f"ANSELAI_DATA_DIR. Nothing was changed."
        )
