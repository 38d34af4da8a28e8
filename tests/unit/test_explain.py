"""What `explain` says of every state that a sync can be in."""

from datetime import timedelta
from uuid import UUID

import pytest

from anselai.application.explain import explain
from anselai.domain.connection import ConnectionStatus
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from anselai.domain.sync_job import JobState, Outcome, SyncJob, Trigger
from tests.fakes import NOON
from tests.samples import a_connection
from tests.unit.known_of_a_sync import AT_13_17, HOUR, MINUTE, a_job, facts, headline, row, sentences


def test_the_headline_tells_the_next_run_in_the_zone_of_the_schedule() -> None:
    assert headline() == "The hourly sync of google runs next at 14:17 Europe/Berlin, in 17 minutes."
    tomorrow = {"frequency": Frequency.DAILY, "next_slot_at": NOON + timedelta(hours=16, minutes=30)}
    told = "The daily sync of google runs next on 21 May at 06:30 Europe/Berlin, in 16 hours."
    assert headline(schedule=tomorrow) == told
    far = {"next_slot_at": NOON + timedelta(days=365), "timezone": "UTC"}
    assert headline(schedule=far) == "The hourly sync of google runs next on 20 May 2027 at 12:00 UTC, in 365 days."


def test_a_zone_that_is_not_known_any_more_is_told_in_utc() -> None:
    told = explain(facts(row(Outcome.MISSED), schedule={"timezone": "Mars/Base"}))
    assert told.sentences == ("The slot of 11:17 was missed.",)


def test_a_sync_that_never_ran_says_so() -> None:
    assert sentences() == ["It has not run yet."]
    assert "It has not run yet." not in sentences(job=a_job())


def test_a_schedule_that_is_off_tells_its_reason_and_the_command_that_switches_it_on() -> None:
    off = facts(schedule={"enabled": False, "disabled_reason": "5 runs in a row failed"})
    assert explain(off).headline == "The hourly sync of google is off: 5 runs in a row failed."
    command = "Switch it on again with: anselai sync resume google --frequency hourly"
    assert explain(off).sentences == (command, "It has not run yet.")
    assert sentences(row(Outcome.PAUSED), schedule={"enabled": False})[-1] == "Times are those of Europe/Berlin."


def test_a_schedule_that_keeps_failing_tells_its_warning() -> None:
    told = explain(facts(schedule={"failures_in_row": 5}))
    assert told.headline.startswith("The hourly sync of google runs next ")
    assert told.sentences[0].startswith("The last 5 runs failed")


def test_an_expired_connection_pauses_its_syncs_until_it_is_connected_again() -> None:
    expired = a_connection(
        status=ConnectionStatus.EXPIRED, last_error_code="PLATFORM_AUTH", last_error="Google refuses the token."
    )
    told = explain(facts(connection=expired))
    assert told.headline == "The hourly sync of google is paused: the connection expired; connect it again."
    assert told.sentences[:2] == (
        "The connection expired: PLATFORM_AUTH: Google refuses the token.",
        "It goes on by itself once new tokens are given with: anselai connections update google --new-tokens",
    )


def test_an_access_token_that_ran_out_is_told_by_what_the_next_run_makes_of_it() -> None:
    [renewed, _] = sentences(connection=a_connection(token_expires_at=NOON - HOUR))
    assert renewed == "The access token ran out at 13:00; the next run gets a new one by itself."
    [lost, _] = sentences(connection=a_connection(token_expires_at=NOON - HOUR, refresh_token=None))
    assert lost == (
        "The access token ran out at 13:00, and there is no refresh token, so the next run fails."
        " Give new tokens with: anselai connections update google --new-tokens"
    )


def test_an_error_of_the_connection_is_told() -> None:
    broken = a_connection(status=ConnectionStatus.ERROR, last_error_code="TEST_FAILED", last_error="No such account")
    [told, _] = sentences(connection=broken)
    cleared = "The connection has an error, which the next run that succeeds clears"
    assert told == f"{cleared}: TEST_FAILED: No such account."


def test_a_platform_whose_client_is_gone_is_told() -> None:
    [told, _] = sentences(installed=False)
    assert told == "No client for google is installed, so its runs fail: install the plug-in that brings it."


def test_a_missing_scheduler_is_told() -> None:
    [told, _] = sentences(scheduler_runs=False)
    assert told == "No scheduler is running, so nothing runs. Start one with: anselai serve"
    assert told not in sentences(scheduler_runs=False, schedule={"enabled": False})


def test_a_slot_that_nobody_plans_is_overdue() -> None:
    late = {"next_slot_at": NOON - 10 * MINUTE}
    assert headline(schedule=late) == "The hourly sync of google was due at 13:50 Europe/Berlin, 10 minutes ago."
    overdue = "It is overdue, although a scheduler is running: see what that one logs."
    assert overdue in sentences(schedule=late)
    assert overdue not in sentences(schedule={"next_slot_at": NOON - timedelta(seconds=5)})
    assert overdue not in sentences(schedule=late, scheduler_runs=False)
    catching_up = sentences(schedule=late | {"catch_up": CatchUp.ALL}, job=a_job(JobState.RUNNING, attempt=1))
    waits = "It waits until the run under way is over, since this schedule catches up with every slot, one by one."
    assert catching_up[0] == waits


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (
            a_job(run_after=NOON - timedelta(seconds=2)),
            "The run of 13:17 is in the queue since 13:59, and starts at any moment.",
        ),
        (
            a_job(slot_at=None, trigger=Trigger.MANUAL),
            (
                "The manual run of 13:17 is in the queue since 13:17, 43 minutes ago: it is overdue, so every scheduler"
                " that runs may be busy."
            ),
        ),
        (
            a_job(attempt=2, run_after=NOON + 12 * MINUTE, last_error_code="PLATFORM_RATE_LIMITED", last_error="Wait."),
            "It waits since 13:30 for its third attempt, at 14:12, in 12 minutes: PLATFORM_RATE_LIMITED: Wait.",
        ),
        (
            a_job(JobState.RUNNING, attempt=1, started_at=AT_13_17, lease_expires_at=NOON + MINUTE, records=1200),
            "The run of 13:17 is under way: its first attempt began at 13:17, with 1,200 records so far.",
        ),
        (
            a_job(JobState.RUNNING, attempt=2, started_at=NOON, lease_expires_at=NOON + MINUTE, last_error="Wait."),
            (
                "The run of 13:17 is under way: its second attempt began at 14:00. The attempt before it ended early:"
                " Wait."
            ),
        ),
        (
            a_job(JobState.RUNNING, attempt=1, started_at=AT_13_17, lease_expires_at=NOON - MINUTE),
            (
                "The run of 13:17 has stalled: whoever began its first attempt at 13:17 fell silent, and its lease"
                " ended at 13:59; another scheduler takes it up within seconds."
            ),
        ),
    ],
)
def test_a_run_that_is_not_over_is_told_by_where_it_is(job: SyncJob, told: str) -> None:
    retried = row(Outcome.RETRYING, attempt=2, logged_at=NOON - 30 * MINUTE)
    assert sentences(retried, job=job) == [told]


def test_without_a_scheduler_a_run_waits_for_one() -> None:
    [_, queued] = sentences(job=a_job(), scheduler_runs=False)
    assert queued == "The run of 13:17 is in the queue since 13:17, and starts when a scheduler does."
    lost = a_job(JobState.RUNNING, attempt=1, started_at=AT_13_17, lease_expires_at=NOON - MINUTE)
    [_, stalled] = sentences(job=lost, scheduler_runs=False)
    assert stalled.endswith("; the next scheduler takes it up.")


def test_the_runs_before_the_one_under_way_are_told_too() -> None:
    before = row(Outcome.SUCCEEDED, AT_13_17 - HOUR, job_id=UUID(int=7))
    told = sentences(row(Outcome.RETRYING), before, job=a_job(JobState.RUNNING, attempt=2, started_at=NOON))
    assert [each.split(":17")[0] for each in told] == ["The run of 13", "The run of 12"]
