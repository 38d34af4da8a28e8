"""What operators read about this process, and that its labels stay few and tell nobody's business."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from anselai.adapters.prometheus import BUCKETS, PrometheusTelemetry
from anselai.domain.frequency import Frequency
from anselai.domain.ports.jobs import QueueState
from anselai.domain.ports.telemetry import RefreshOutcome, StoreState
from anselai.domain.sync_job import Outcome
from tests.exposed import samples
from tests.fakes import NOON

SETTINGS = Path(__file__).parents[2] / "docs" / "settings.md"
HOURLY = "frequency=hourly,platform=google"
STORE = StoreState(
    queue=QueueState(
        asked_at=NOON, due=2, waiting=3, oldest_due_at=NOON - timedelta(seconds=1.5), running=4, stalled=1
    ),
    daemons=2,
    seals={"0123456789ab": 1 << 31},
)


@pytest.fixture
def telemetry() -> PrometheusTelemetry:
    return PrometheusTelemetry(["google", "meta"])


def read(telemetry: PrometheusTelemetry, store: StoreState | None = None) -> dict[str, float]:
    return samples(telemetry.exposition(store, "").text.decode())


def test_attempts_are_counted_by_platform_frequency_and_outcome(telemetry: PrometheusTelemetry) -> None:
    for outcome in (Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.RETRYING):
        telemetry.attempt_ended("google", Frequency.HOURLY, outcome, 0.02)
    found = read(telemetry)
    assert found["anselai_sync_attempts_total{frequency=hourly,outcome=succeeded,platform=google}"] == 2
    assert found["anselai_sync_attempts_total{frequency=hourly,outcome=retrying,platform=google}"] == 1
    assert found["anselai_sync_attempts_total{frequency=hourly,outcome=succeeded,platform=meta}"] == 0


def test_counters_start_at_zero_so_that_the_first_failure_is_an_increase(telemetry: PrometheusTelemetry) -> None:
    found = read(telemetry)
    assert found["anselai_sync_attempts_total{frequency=weekly,outcome=failed,platform=meta}"] == 0
    assert found["anselai_token_refreshes_total{outcome=refused,platform=meta}"] == 0
    assert found["anselai_sync_abandoned_attempts_total"] == 0


def test_durations_fall_into_buckets_of_seconds(telemetry: PrometheusTelemetry) -> None:
    for duration in (0.004, 0.3, 7200.0):
        telemetry.attempt_ended("google", Frequency.HOURLY, Outcome.SUCCEEDED, duration)
    found = read(telemetry)
    name = "anselai_sync_attempt_duration_seconds"
    assert found[f"{name}_bucket{{frequency=hourly,le=0.005,platform=google}}"] == 1
    assert found[f"{name}_bucket{{frequency=hourly,le=0.5,platform=google}}"] == 2
    assert found[f"{name}_bucket{{frequency=hourly,le=3600.0,platform=google}}"] == 2
    assert found[f"{name}_bucket{{frequency=hourly,le=+Inf,platform=google}}"] == 3
    assert found[f"{name}_sum{{{HOURLY}}}"] == pytest.approx(7200.304)
    assert (BUCKETS[0], BUCKETS[-1]) == (0.005, 3600)


def test_a_start_before_its_slot_by_some_clock_counts_as_punctual(telemetry: PrometheusTelemetry) -> None:
    telemetry.run_started("google", Frequency.HOURLY, -0.5)
    telemetry.run_started("google", Frequency.HOURLY, 2.0)
    found = read(telemetry)
    assert found[f"anselai_sync_lateness_seconds_count{{{HOURLY}}}"] == 2
    assert found[f"anselai_sync_lateness_seconds_sum{{{HOURLY}}}"] == 2.0


def test_refreshes_errors_and_abandoned_attempts_are_counted(telemetry: PrometheusTelemetry) -> None:
    telemetry.token_refreshed("meta", RefreshOutcome.FAILED)
    telemetry.api_error("NOT_FOUND")
    telemetry.attempts_abandoned(3)
    found = read(telemetry)
    assert found["anselai_token_refreshes_total{outcome=failed,platform=meta}"] == 1
    assert found["anselai_api_errors_total{code=NOT_FOUND}"] == 1
    assert found["anselai_sync_abandoned_attempts_total"] == 3


def test_platforms_that_are_not_installed_are_one_series(telemetry: PrometheusTelemetry) -> None:
    before = len(read(telemetry))
    for number in range(100):
        telemetry.attempt_ended(f"platform-{number}", Frequency.DAILY, Outcome.FAILED, 1.0)
        telemetry.run_started(f"platform-{number}", Frequency.DAILY, 1.0)
        telemetry.token_refreshed(f"platform-{number}", RefreshOutcome.SUCCEEDED)
    found = read(telemetry)
    assert found["anselai_sync_attempts_total{frequency=daily,outcome=failed,platform=other}"] == 100
    assert found["anselai_token_refreshes_total{outcome=succeeded,platform=other}"] == 100
    histogram = len(BUCKETS) + 3  # +Inf, count and sum
    assert len(found) == before + 2 + 2 * histogram
    assert not any("platform-" in name for name in found)


def test_the_store_is_told_in_gauges(telemetry: PrometheusTelemetry) -> None:
    found = read(telemetry, STORE)
    jobs = {state: found[f"anselai_sync_jobs{{state={state}}}"] for state in ("due", "waiting", "running", "stalled")}
    assert jobs == {"due": 2, "waiting": 3, "running": 4, "stalled": 1}
    assert (found["anselai_sync_oldest_due_age_seconds"], found["anselai_sync_daemons"]) == (1.5, 2)
    assert found["anselai_key_seals{key_id=0123456789ab}"] == 1 << 31
    assert found["anselai_store_up"] == 1


def test_a_store_that_is_away_has_no_figures_rather_than_old_ones(telemetry: PrometheusTelemetry) -> None:
    read(telemetry, STORE)
    found = read(telemetry)
    assert found["anselai_store_up"] == 0
    assert not {name for name in found if name.startswith(("anselai_sync_jobs", "anselai_sync_oldest"))}
    assert "anselai_sync_daemons" not in found


def test_two_in_one_process_do_not_know_each_other(telemetry: PrometheusTelemetry) -> None:
    other = PrometheusTelemetry(["google", "meta"])
    telemetry.attempt_ended("google", Frequency.HOURLY, Outcome.SUCCEEDED, 1.0)
    name = "anselai_sync_attempts_total{frequency=hourly,outcome=succeeded,platform=google}"
    assert (read(telemetry)[name], read(other)[name]) == (1, 0)
    assert not any(metric.name.startswith("anselai") for metric in REGISTRY.collect())


def test_every_name_follows_the_conventions(telemetry: PrometheusTelemetry) -> None:
    text = telemetry.exposition(STORE, "").text.decode()
    kinds = dict(re.findall(r"^# TYPE (anselai_\w+) (\w+)$", text, re.MULTILINE))
    assert {name for name, kind in kinds.items() if kind == "counter"} == {n for n in kinds if n.endswith("_total")}
    assert {name for name, kind in kinds.items() if kind == "histogram"} == {
        "anselai_sync_attempt_duration_seconds",
        "anselai_sync_lateness_seconds",
    }
    assert set(re.findall(r"^# HELP (anselai_\w+) \w", text, re.MULTILINE)) == set(kinds)
    assert "_created" not in text


def test_the_documents_name_every_metric(telemetry: PrometheusTelemetry) -> None:
    text = telemetry.exposition(STORE, "").text.decode()
    rows = re.findall(r"^\| `(anselai_\w+)` \|", SETTINGS.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(re.findall(r"^# TYPE (anselai_\w+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html, */*;q=0.8", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        ("text/plain;version=latest", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0.x\u00e9y", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_the_format_is_what_the_header_accepts(telemetry: PrometheusTelemetry, accept: str, media_type: str) -> None:
    exposition = telemetry.exposition(STORE, accept)
    assert exposition.media_type == media_type
    if media_type.startswith("application/openmetrics-text"):
        assert exposition.text.endswith(b"# EOF\n")
        assert list(text_string_to_metric_families(exposition.text.decode()))  # type: ignore[no-untyped-call]
    else:
        assert samples(exposition.text.decode())["anselai_store_up"] == 1
