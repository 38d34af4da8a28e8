"""The embedded PostgreSQL, for real: every test starts servers of its own, as root or as an ordinary user."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from anselai.adapters.postgres.embedded import EmbeddedPostgres, start_embedded
from anselai.adapters.postgres.embedded.locks import locked, opened
from anselai.domain.errors import EmbeddedDatabaseFailed
from tests.integration.processes import patiently

AS_ROOT = os.geteuid() == 0
FAST = {"fsync": "off"}
USER = """
import sys
from pathlib import Path
from anselai.adapters.postgres.embedded import start_embedded
postgres = start_embedded(Path(sys.argv[1]), settings={"fsync": "off"})
print(postgres.dsn, flush=True)
sys.stdin.readline()
postgres.stop()
"""

Start = Callable[..., EmbeddedPostgres]


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder
        alive = [lock.parent for lock in folder.rglob("postgres.server.lock") if is_running(lock.parent)]
        for directory in alive:
            os.kill(postmaster_of(directory), signal.SIGQUIT)
    assert alive == [], "a server was left running"


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data directory to copy, which takes a fraction of the time of making one."""
    with open_folder() as folder:
        start_embedded(folder / "data", settings=FAST).stop()
        yield folder / "data"


@pytest.fixture
def data(place: Path, made: Path) -> Path:
    """A data directory that was used and left in order."""
    subprocess.run(["cp", "-a", made, place / "data"], check=True)
    return place / "data"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts what is stopped at the end, whatever happens in between."""
    with ExitStack() as started:

        def start(directory: Path, **options: object) -> EmbeddedPostgres:
            postgres = start_embedded(directory, **{"settings": FAST, **options})  # type: ignore[arg-type]
            started.callback(postgres.stop)
            return postgres

        yield start


@contextmanager
def open_folder() -> Iterator[Path]:
    """One that PostgreSQL's account can pass, which pytest's own are not when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="anselai-test-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def postmaster_of(directory: Path) -> int:
    return int((directory / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def is_running(directory: Path) -> bool:
    with opened(directory / "postgres.server.lock") as lock:
        return not locked(lock)


def ask(postgres: EmbeddedPostgres, sql: str) -> object:
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        cursor = connection.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


@contextmanager
def another_user(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that uses the database until the end of the block, and the DSN that it got."""
    command = [sys.executable, "-c", USER, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        if process.poll() is None:
            process.communicate("leave\n")
            assert process.returncode == 0


def test_the_first_start_makes_a_database_and_the_second_finds_its_data(place: Path, start: Start) -> None:
    told: list[str] = []
    first = start(place / "new", report=told.append, settings={})
    ask(first, "CREATE TABLE kept AS SELECT 'a portrait' AS what")
    first.stop()
    assert not is_running(place / "new")
    second = start(place / "new", report=told.append)
    assert second.dsn == first.dsn
    assert ask(second, "SELECT what FROM kept") == "a portrait"
    begin = "Starting PostgreSQL 18"
    assert [line for line in told if "account" not in line] == [
        f"Creating the database in {first.data_dir}",
        begin,
        begin,
    ]


def test_the_database_is_durable_checked_and_the_same_on_every_machine(data: Path, start: Start) -> None:
    postgres = start(data, settings={})
    for setting, value in {"fsync": "on", "data_checksums": "on", "server_encoding": "UTF8", "TimeZone": "UTC"}.items():
        assert ask(postgres, f"SHOW {setting}") == value
    assert ask(postgres, "SELECT lower('ÄÖ')") == "äö"
    assert ask(postgres, "SELECT datcollate FROM pg_database WHERE datname = 'anselai'") == "C"
    assert (postgres.bin_dir / "pg_dump").is_file()


def test_only_its_owner_can_reach_the_server_and_only_through_a_socket(data: Path, start: Start) -> None:
    postgres = start(data, settings={**FAST, "listen_addresses": "*"})
    assert ask(postgres, "SHOW listen_addresses") == ""
    for path in (postgres.data_dir, postgres.data_dir / ".s.PGSQL.5432"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert path.stat().st_uid == (pwd.getpwnam("anselai").pw_uid if AS_ROOT else os.geteuid())


def test_the_server_gets_neither_our_environment_nor_our_ctrl_c(
    data: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY", "a canary that must not travel")
    monkeypatch.setenv("PGPORT", "6000")
    postgres = start(data)
    ask(postgres, "CREATE TABLE environment (line text)")
    ask(postgres, "COPY environment FROM PROGRAM 'env'")
    assert ask(postgres, "SELECT count(*) FROM environment WHERE line ~ 'canary|6000'") == 0
    assert os.getsid(postmaster_of(data)) != os.getsid(0)


def test_errors_of_statements_do_not_fill_the_log(data: Path, start: Start) -> None:
    postgres = start(data)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        ask(postgres, "SELECT a_canary")
    logs = "".join(log.read_text() for log in postgres.data_dir.glob("log/*.log"))
    assert "ready to accept connections" in logs
    assert "a_canary" not in logs


def test_no_statement_gets_into_the_log(data: Path, start: Start) -> None:
    postgres = start(data)
    assert ask(postgres, "SELECT 'a_canary'") == "a_canary"
    with pytest.raises(psycopg.OperationalError):
        ask(postgres, "SELECT 'a_canary', pg_terminate_backend(pg_backend_pid())")
    logs = ""
    for _ in patiently("the log never tells of the end"):
        logs = "".join(log.read_text() for log in postgres.data_dir.glob("log/*.log"))
        if "terminating connection" in logs:
            break
    assert "a_canary" not in logs


def test_two_processes_share_one_server_and_the_last_one_stops_it(data: Path, start: Start) -> None:
    ours = start(data)
    server = postmaster_of(data)
    with another_user(data) as (_, dsn):
        assert dsn == ours.dsn
        ours.stop()
        assert postmaster_of(data) == server
        assert ask(ours, "SELECT 1") == 1
    assert not is_running(data)
    ours.stop()


def test_processes_that_start_at_once_share_one_new_server(place: Path) -> None:
    new = place / "new"
    with ThreadPoolExecutor() as at_once, ExitStack() as users:
        opening = [at_once.submit(users.enter_context, another_user(new)) for _ in range(3)]
        assert {user.result()[1] for user in opening} == {
            f"postgresql://anselai@/anselai?host={new}/postgres&port=5432"
        }
    assert not is_running(new)


def test_a_killed_user_leaves_the_server_to_the_next_one(data: Path, start: Start) -> None:
    with another_user(data) as (process, _):
        server = postmaster_of(data)
        process.kill()
        process.wait()
    next_one = start(data)
    assert postmaster_of(data) == server
    next_one.stop()
    assert not is_running(data)


def test_a_killed_server_starts_again_with_what_was_committed(data: Path, start: Start) -> None:
    before = start(data)
    ask(before, "CREATE TABLE kept AS SELECT 'committed' AS what")
    os.kill(postmaster_of(data), signal.SIGKILL)
    after = start(data)
    assert after.dsn == before.dsn
    assert ask(after, "SELECT what FROM kept") == "committed"


def test_lock_files_that_name_a_living_stranger_do_not_stop_a_start(data: Path, start: Start) -> None:
    postgres = start(data)
    left_behind = {name: (postgres.data_dir / name).read_text() for name in ("postmaster.pid", ".s.PGSQL.5432.lock")}
    server, owner = str(postmaster_of(data)), postgres.data_dir.stat()
    postgres.stop()
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid if AS_ROOT else None) as stranger:
        for name, text in left_behind.items():
            (postgres.data_dir / name).write_text(text.replace(server, str(stranger.pid), 1))
            os.chown(postgres.data_dir / name, owner.st_uid, owner.st_gid)
        assert ask(start(data), "SELECT 1") == 1
        stranger.kill()


def test_a_creation_that_was_killed_half_way_is_begun_again(place: Path, start: Start) -> None:
    half = place / "new" / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert ask(start(place / "new"), "SELECT 1") == 1
    assert not half.exists()


@pytest.mark.parametrize("name", ["n" * 120, "one, two", 'a "quoted" $(folder)%20?'])
def test_any_path_will_do(name: str, data: Path, start: Start) -> None:
    directory = data.rename(data.with_name(name))
    postgres = start(directory)
    socket_dir = Path(str(ask(postgres, "SHOW unix_socket_directories"))[1:-1].replace('""', '"'))
    assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert socket_dir.stat().st_uid == postgres.data_dir.stat().st_uid
    os.kill(postmaster_of(directory), signal.SIGKILL)
    again = start(directory)
    assert again.dsn == postgres.dsn
    postgres.stop()
    again.stop()
    assert socket_dir.exists() == (socket_dir == postgres.data_dir)  # one far away goes with the server


def test_a_database_of_another_major_version_is_refused_and_left_alone(data: Path, start: Start) -> None:
    (data / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedDatabaseFailed, match="holds a database of PostgreSQL 16"):
        start(data)
    (data / "postgres" / "PG_VERSION").write_text("18\n")
    assert ask(start(data), "SELECT 1") == 1


def test_files_that_are_no_database_are_left_alone(data: Path, start: Start) -> None:
    (data / "postgres" / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedDatabaseFailed, match="holds files that are no database"):
        start(data)
    assert (data / "postgres" / "base").is_dir()


def test_a_server_that_cannot_start_says_why(data: Path, start: Start) -> None:
    with pytest.raises(EmbeddedDatabaseFailed, match=r'(?s)invalid value for parameter "shared_buffers".*DATABASE_URL'):
        start(data, settings={"shared_buffers": "plenty"})
    assert ask(start(data), "SELECT 1") == 1
