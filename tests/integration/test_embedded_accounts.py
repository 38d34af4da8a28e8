"""Whom the embedded PostgreSQL runs as, and in which folders, as root and as an ordinary user: both run every test."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from anselai.adapters.postgres.embedded import EmbeddedPostgres, start_embedded
from anselai.adapters.postgres.embedded.programs import wheel_programs
from anselai.domain.errors import EmbeddedDatabaseFailed

AS_ROOT = os.geteuid() == 0
START_AS_NOBODY = """
import os, sys
from pathlib import Path
from anselai.adapters.postgres.embedded import start_embedded
uid, gid = int(sys.argv[2]), int(sys.argv[3])
sys.path.insert(0, sys.argv[4])
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
start_embedded(Path(sys.argv[1]), report=print, settings={"fsync": "off"}).stop()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that PostgreSQL's account can pass, which pytest's own are not when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="anselai-test-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def running(directory: Path, report: Callable[[str], None] = print) -> Iterator[EmbeddedPostgres]:
    postgres = start_embedded(directory, report=report, settings={"fsync": "off"})
    try:
        with psycopg.connect(postgres.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        yield postgres
    finally:
        postgres.stop()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes_of_what_exists(directory: Path) -> dict[Path, tuple[int, int]]:
    parents = [*directory.parents, *Path(sys.prefix).parents, *wheel_programs().parents]
    files = wheel_programs().parents[1].rglob("*")
    return {path: (mode(path), path.stat().st_uid) for path in (*parents, *files) if path.exists()}


def test_a_start_changes_the_mode_of_nothing_that_exists(place: Path) -> None:
    (place / "made before").mkdir(mode=0o711)
    directory = place / "made before" / "by us" / "data"
    before = modes_of_what_exists(directory)
    with running(directory):
        after = modes_of_what_exists(directory)
    assert {path: after[path] for path in before} == before
    assert mode(directory) == mode(directory.parent) == (0o711 if AS_ROOT else 0o700)


def test_an_empty_private_folder_can_be_the_data_directory(place: Path) -> None:
    directory = Path(tempfile.mkdtemp(dir=place))
    with running(directory):
        (directory / "key").write_text("ours")
    with running(directory):
        assert mode(directory) == 0o700


def test_a_folder_that_cannot_be_passed_is_named_with_the_ways_out(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir()
    (closed / "something").touch()
    closed.chmod(0o700 if AS_ROOT else 0o500)
    for directory in (closed, closed / "data"):
        with pytest.raises(EmbeddedDatabaseFailed, match="ANSELAI_DATA_DIR") as refused, running(directory):
            pass
        assert refused.value.code == "EMBEDDED_DATABASE_FAILED"
        assert str(closed) in str(refused.value)
    assert [path.name for path in closed.iterdir()] == ["something"]
    closed.chmod(0o700)


def test_an_ordinary_user_can_start_it(place: Path) -> None:
    if not AS_ROOT:
        with running(place / "new") as postgres:
            assert postgres.data_dir.stat().st_uid == os.geteuid()
        return
    nobody = pwd.getpwnam("nobody")
    home = place / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    package = wheel_programs().parents[1]
    for source in (package, package.with_name(f"{package.name}.libs")):  # nobody may not reach this environment
        if source.exists():
            shutil.copytree(source, place / source.name, ignore=shutil.ignore_patterns("pginstall", "include", "*.a"))
    arguments = [str(home / "new"), str(nobody.pw_uid), str(nobody.pw_gid), str(place)]
    told = subprocess.check_output([sys.executable, "-c", START_AS_NOBODY, *arguments], text=True)
    assert told == f"Creating the database in {home}/new/postgres\nStarting PostgreSQL 18\n"
    assert (home / "new" / "postgres").stat().st_uid == nobody.pw_uid
    with pytest.raises(EmbeddedDatabaseFailed, match="Start AnselAI as nobody"), running(home / "new"):
        pass


def test_a_database_of_somebody_else_is_refused_and_left_alone(place: Path) -> None:
    (place / "data").mkdir()
    if AS_ROOT:
        (place / "data" / "postgres").mkdir(0o700)
        os.chown(place / "data" / "postgres", pwd.getpwnam("nobody").pw_uid, -1)
    else:
        (place / "data" / "postgres").symlink_to("/")  # surely not ours
    with pytest.raises(EmbeddedDatabaseFailed, match="Nothing was changed"), running(place / "data"):
        pass
    assert [path.name for path in (place / "data").iterdir()] == ["postgres"]


def test_programs_out_of_the_accounts_reach_are_copied_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = wheel_programs().parents[1]
    closed = place / "closed"
    (closed / package.name).mkdir(parents=True)
    (closed / package.name / "__init__.py").touch()
    for name in (f"{package.name}/pginstall18", f"{package.name}.libs"):
        (closed / name).symlink_to(package.parent / name)
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(closed)
    older = place / "data" / "postgres-programs" / "an older version"
    older.mkdir(parents=True)
    told: list[str] = []
    for _ in range(2):
        with running(place / "data", told.append):
            pass
    begin = "Starting PostgreSQL 18"
    steps = ["Creating the database", begin, begin]
    if AS_ROOT:
        steps.insert(0, f"Copying PostgreSQL 18 to {older.parent}")
    assert [line.startswith(step) for line, step in zip(told, steps, strict=True)] == [True] * len(steps)
    assert older.exists() == (not AS_ROOT)
