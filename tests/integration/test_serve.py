"""`anselai serve` and `anselai scheduler`, as real processes over a real database."""

import os
import signal
import socket
import stat
from pathlib import Path
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from anselai.adapters.crypto.keyring import generate_secret
from anselai.adapters.postgres.embedded import start_embedded
from anselai.entrypoints.http_server import listen
from tests.integration.processes import Home, Started, patiently

CANARY = "ya29.a-canary-that-must-not-sing"
GOOGLE = {"platform": "google", "accessToken": CANARY, "refreshToken": "1//another-canary", "accountId": "photos"}

# A plug-in whose syncs go on until they are cancelled.
SLOW = """
import asyncio
from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import Batch, PlatformInfo

class Slow(StubClient):
    info = PlatformInfo(name="slow", label="Slow", simulated=True)

    async def fetch(self, request):
        await asyncio.sleep(3600)
        yield Batch()
"""


STUBBORN = """
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
"""


@pytest.fixture
def slow_platform(home: Home) -> dict[str, str]:
    """The settings of a process that has the plug-in `slow` installed."""
    installed = home.folder / "slow-1.0.dist-info"
    installed.mkdir()
    (home.folder / "slow_platform.py").write_text(SLOW)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[anselai.platforms]\nslow = slow_platform:Slow\n")
    return {"PYTHONPATH": str(home.folder)}


def log_of(serve: Started, **query: str) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = serve.call("GET", f"/api/sync/log?{httpx.QueryParams(query)}")["entries"]
    return entries


def a_running_sync(serve: Started) -> None:
    """Connect the platform `slow`, and start a sync of it."""
    serve.call("POST", "/api/connections", {**GOOGLE, "platform": "slow"})
    job = serve.call("POST", "/api/sync/slow")
    for _ in patiently("the sync never starts"):
        if serve.call("GET", f"/api/sync/jobs/{job['id']}")["state"] == "running":
            return


def stop_twice(serve: Started) -> None:
    """Press Ctrl-C, and then again until it hurries."""
    serve.process.send_signal(signal.SIGINT)
    serve.until("Ctrl-C again to hurry")
    for _ in patiently("it never hurries"):
        serve.process.send_signal(signal.SIGINT)
        if "Hurrying" in serve.out.read_text():
            return


def test_the_first_start_makes_everything_and_tells_where_it_is(empty_home: Home) -> None:
    with empty_home.started("serve") as serve:
        serve.ready()
        assert serve.answer("GET", "/").status_code == 200
        assert serve.stop(signal.SIGINT) == 0
    screen = serve.out.read_text()
    key = empty_home.data / "encryption.key"
    key_id = empty_home.json("keys", "status")[0]["id"]
    assert "Creating the database" in screen
    assert "Applied 0001" in screen
    assert serve.address.startswith("http://127.0.0.1:")
    assert f"Data       {empty_home.data}" in screen
    assert f"Key        {key} (id {key_id})" in screen
    assert "Stubs      google, meta, pinterest, tiktok (simulated: no platform is called)" in screen
    assert "Stop       Ctrl-C" in screen
    assert key.read_text().strip() not in serve.printed
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert serve.err.read_text() == ""
    assert not empty_home.database_runs()


def test_a_second_start_takes_the_same_data_up_again(home: Home) -> None:
    with home.started("serve") as serve:
        saved = serve.ready().call("POST", "/api/connections", GOOGLE)
        assert serve.stop() == 0
    assert not home.database_runs()
    with home.started("serve") as again:
        assert again.ready().call("GET", "/api/connections") == [saved]
        assert again.call("GET", "/readyz")["ready"]
        assert again.stop() == 0
    assert CANARY not in serve.printed + again.printed


def test_a_killed_serve_starts_again_on_the_same_data(home: Home) -> None:
    with home.started("serve") as serve:
        saved = serve.ready().call("POST", "/api/connections", GOOGLE)
        serve.stop(signal.SIGKILL)
    assert home.database_runs()
    with home.started("serve") as again:
        assert again.ready().call("GET", "/api/connections/google") == saved
        assert again.stop() == 0
    assert not home.database_runs()


def test_a_taken_port_is_told_before_anything_is_started(empty_home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = empty_home.run("serve", ANSELAI_PORT=str(taken.getsockname()[1]))
    assert done.code == 1
    assert "is taken" in done.err
    assert "ANSELAI_PORT=" in done.err
    assert "Traceback" not in done.err
    assert not empty_home.data.exists()


def test_two_serves_on_one_folder_share_the_database(home: Home) -> None:
    with home.started("serve") as first, home.started("serve") as second:
        saved = first.ready().call("POST", "/api/connections", GOOGLE)
        assert second.ready().address != first.address
        assert first.stop() == 0
        assert second.call("GET", "/api/connections") == [saved]
        assert second.stop() == 0
    assert not home.database_runs()


def test_a_due_sync_runs_by_itself_and_is_logged(home: Home) -> None:
    with home.started("serve") as serve:
        serve.ready().call("POST", "/api/connections", GOOGLE)
        hold = start_embedded(home.data)
        with psycopg.connect(hold.dsn, autocommit=True) as connection:
            connection.execute("UPDATE sync_schedules SET next_slot_at = now() WHERE frequency = 'hourly'")
        hold.stop()
        for _ in patiently("no scheduled sync ever runs"):
            if log_of(serve, trigger="schedule"):
                break
        [row] = log_of(serve, trigger="schedule")
        assert (row["platform"], row["outcome"], row["simulated"]) == ("google", "succeeded", True)
        assert serve.stop() == 0
    assert CANARY not in serve.printed


def test_without_its_scheduler_serve_queues_and_another_process_runs(external: Home) -> None:
    with external.started("serve", "--no-scheduler") as serve:
        serve.ready().call("POST", "/api/connections", GOOGLE)
        assert "Scheduler  not here; start one with: anselai scheduler" in serve.out.read_text()
        assert serve.answer("GET", "/readyz").status_code == 503
        job = serve.call("POST", "/api/sync/google")
        with external.started("scheduler") as scheduler:
            scheduler.until("The scheduler runs on .* Ctrl-C stops it")
            for _ in patiently("the sync never ends"):
                if serve.call("GET", f"/api/sync/jobs/{job['id']}")["state"] == "succeeded":
                    break
            assert scheduler.stop() == 0
        assert serve.stop() == 0


def test_the_start_screen_of_an_external_database_tells_no_user_and_no_password(external: Home) -> None:
    name = psycopg.conninfo.conninfo_to_dict(external.settings["DATABASE_URL"])["dbname"]
    with external.started("serve") as serve:
        assert serve.ready().stop() == 0
    assert f"Data       {name} on " in serve.printed
    assert "Key        ENCRYPTION_KEY (id " in serve.printed
    assert external.settings["ENCRYPTION_KEY"] not in serve.printed
    assert external.settings["DATABASE_URL"] not in serve.printed


def test_a_second_signal_gives_running_syncs_back_at_once(home: Home, slow_platform: dict[str, str]) -> None:
    with home.started("serve", **slow_platform) as serve:
        a_running_sync(serve.ready())
        stop_twice(serve)
        assert serve.process.wait(10) == 0
    assert not home.database_runs()
    [row] = home.json("sync", "log", "--platform", "slow", **slow_platform)["entries"]
    assert row["outcome"] == "released"


@pytest.mark.slow
def test_a_sync_that_ignores_its_cancellation_does_not_keep_the_process(
    home: Home, slow_platform: dict[str, str]
) -> None:
    plugin = home.folder / "slow_platform.py"
    plugin.write_text(SLOW.replace("        await asyncio.sleep(3600)\n", STUBBORN[1:]))
    with home.started("serve", **slow_platform) as serve:
        a_running_sync(serve.ready())
        stop_twice(serve)
        assert serve.process.wait(25) == 0
    assert "does not end, so the process ends without it" in serve.printed
    assert not home.database_runs()


def test_a_signal_during_the_start_stops_in_order(empty_home: Home) -> None:
    with empty_home.started("serve") as serve:
        assert serve.until("Creating the database").stop(signal.SIGINT) == 0
    assert "is ready" not in serve.printed
    assert "Traceback" not in serve.printed
    assert not empty_home.database_runs()


def test_an_embedded_database_that_was_killed_is_brought_back(home: Home) -> None:
    with home.started("serve") as serve:
        saved = serve.ready().call("POST", "/api/connections", GOOGLE)
        os.kill(postmaster_of(home.data), signal.SIGKILL)
        serve.until("The database does not answer. Requests get 503 until it does.")
        serve.until("The database answers again.")
        assert serve.call("GET", "/api/connections") == [saved]
        assert serve.stop() == 0
    assert not home.database_runs()


def test_a_head_that_is_too_large_is_refused(external: Home) -> None:
    with external.started("serve") as serve:
        serve.ready()
        with socket.create_connection(("127.0.0.1", httpx.URL(serve.address).port)) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 40_000)
            assert connection.recv(100).startswith(b"HTTP/1.1 431 ")
        assert "server" not in serve.answer("GET", "/healthz").headers
        assert serve.stop() == 0


@pytest.mark.parametrize("command", ["serve", "scheduler"])
def test_an_external_database_without_a_key_is_refused(external: Home, command: str) -> None:
    done = external.run(command, ENCRYPTION_KEY="")
    assert done.code == 1
    assert "ENCRYPTION_KEY must be set" in done.err
    assert "anselai keys generate" in done.err


@pytest.mark.parametrize("command", ["serve", "scheduler"])
def test_an_external_database_that_is_behind_is_refused(external: Home, empty_database_url: str, command: str) -> None:
    done = external.run(command, DATABASE_URL=empty_database_url)
    assert done.code == 1
    assert "SCHEMA_BEHIND" in done.err
    assert "Run: anselai migrate" in done.err


def test_a_password_of_the_database_is_never_printed(empty_home: Home) -> None:
    url = "postgresql://studio:a-secret-password@127.0.0.1:1/anselai"
    key = generate_secret().reveal()
    done = empty_home.run("serve", DATABASE_URL=url, ENCRYPTION_KEY=key, ANSELAI_LOG_LEVEL="DEBUG")
    assert done.code == 1
    assert "STORE_UNAVAILABLE" in done.err
    assert "Connection refused" in done.err
    assert "a-secret-password" not in done.out + done.err


@pytest.mark.parametrize("command", ["serve", "scheduler", "migrate", "connections list", "check"])
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"dbname": "no-such-studio"}, "does not exist"),
        ({"user": "somebody-unknown", "password": "a-secret-password"}, "does not exist"),
        ({"host": "nowhere.invalid"}, "failed to resolve host 'nowhere.invalid'"),
        ({"host": "127.0.0.1", "port": "1"}, "Connection refused"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named_with_the_reason(
    external: Home, command: str, changed: dict[str, str], told: str
) -> None:
    address = {**conninfo_to_dict(external.settings["DATABASE_URL"]), **changed}
    done = external.run(*command.split(), DATABASE_URL=f"postgresql://?{urlencode(address)}")
    assert done.code == 1
    [line] = [each for each in (done.out + done.err).splitlines() if "STORE_UNAVAILABLE" in each]
    assert f"{address['dbname']} on {address['host']}" in line
    assert told in line
    assert "Check DATABASE_URL" in line
    assert "try again" not in line
    assert str(address["user"]) not in done.out + done.err
    assert "a-secret-password" not in done.out + done.err


def postmaster_of(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def test_answers_of_a_kept_connection_do_not_wait_for_the_other_side() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY for these, and for no others
