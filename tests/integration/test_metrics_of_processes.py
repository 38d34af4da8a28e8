"""`/metrics` of real processes over a real database."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.exposed import samples
from tests.integration.processes import Home, Started, patiently

CANARY = "ya29.a-canary-that-must-not-sing"
GOOGLE = {"platform": "google", "accessToken": CANARY, "refreshToken": "1//another-canary", "accountId": "photos"}
SUCCEEDED = "anselai_sync_attempts_total{frequency=daily,outcome=succeeded,platform=google}"
DURATIONS = "anselai_sync_attempt_duration_seconds_count{frequency=daily,platform=google}"


def scraped(process: Started) -> dict[str, float]:
    answer = process.answer("GET", "/metrics")
    assert answer.status_code == 200
    assert not [each for each in ("canary", "photos", "default", "postgresql") if each in answer.text.lower()]
    return samples(answer.text)


def scraped_once(process: Started, name: str, value: float) -> dict[str, float]:
    """Scrape until this figure is that."""
    for _ in patiently(f"{name} never is {value}"):
        found = scraped(process)
        if found[name] == value:
            return found
    raise AssertionError("unreachable")


def synced(serve: Started) -> None:
    """Sync once, to the end."""
    job = serve.call("POST", "/api/sync/google")
    for _ in patiently("the sync never ends"):
        if serve.call("GET", f"/api/sync/jobs/{job['id']}")["state"] == "succeeded":
            return


def test_a_sync_moves_the_counters_of_the_process_that_ran_it(external: Home) -> None:
    with external.started("serve") as serve:
        serve.ready().call("POST", "/api/connections", GOOGLE)
        assert scraped(serve)[SUCCEEDED] == 0
        synced(serve)
        found = scraped_once(serve, SUCCEEDED, 1)
        assert (found[DURATIONS], found["anselai_sync_daemons"]) == (1, 1)
        assert (found["anselai_store_up"], found["anselai_sync_jobs{state=due}"]) == (1, 0)
        assert serve.stop() == 0
    assert CANARY not in serve.printed


def test_a_daemon_alone_tells_of_itself_where_it_is_told_to(external: Home) -> None:
    with external.started("serve", "--no-scheduler") as serve:
        serve.ready().call("POST", "/api/connections", GOOGLE)
        with external.started("scheduler", ANSELAI_METRICS_PORT="0") as scheduler:
            printed = scheduler.until("The scheduler runs on .* Ctrl-C stops it").printed
            found = re.search(r"Figures for Prometheus: (http://127\.0\.0\.1:\d+)/metrics\n", printed)
            assert found is not None, printed
            scheduler.address = found[1]
            synced(serve)
            scraped_once(scheduler, SUCCEEDED, 1)
            assert scraped(serve)[SUCCEEDED] == 0
            assert scraped(serve)["anselai_sync_daemons"] == 1
            assert scheduler.answer("GET", "/api/connections").status_code == 404
            assert scheduler.stop() == 0
        assert serve.stop() == 0


def test_a_daemon_without_that_setting_listens_nowhere(external: Home) -> None:
    with external.started("scheduler") as scheduler:
        scheduler.until("The scheduler runs on .* Ctrl-C stops it")
        assert "Prometheus" not in scheduler.printed
        assert scheduler.stop() == 0


def test_a_port_for_figures_that_is_taken_is_told_before_anything_is_started(empty_home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = empty_home.run("scheduler", ANSELAI_METRICS_PORT=str(port))
    assert done.code == 1
    assert re.search(rf"Port {port} of 127\.0\.0\.1 is taken.*ANSELAI_METRICS_PORT=\d+ anselai scheduler", done.err)
    assert not empty_home.data.exists()


def test_a_database_that_went_away_leaves_the_figures_of_the_process(external: Home, owners_url: str) -> None:
    with external.started("serve") as serve:
        serve.ready().call("POST", "/api/connections", GOOGLE)
        synced(serve)
        scraped_once(serve, SUCCEEDED, 1)
        with nobody_may_connect(owners_url):
            found = scraped_once(serve, "anselai_store_up", 0)
            assert found[SUCCEEDED] == 1
            assert "anselai_sync_jobs{state=due}" not in found
        scraped_once(serve, "anselai_store_up", 1)
        assert serve.stop() == 0


@contextmanager
def nobody_may_connect(url: str) -> Iterator[None]:
    """A database that is there and lets nobody in, as long as this lasts."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(psycopg.conninfo.make_conninfo(url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
