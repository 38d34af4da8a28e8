"""What `explain` says of every way in which a slot or a run can end."""

from datetime import datetime
from typing import Any

import pytest

from anselai.application.explain import MOST_EVENTS
from anselai.application.explain_log import tell_log
from anselai.application.phrases import LocalTime
from anselai.domain.sync_job import Outcome
from tests.fakes import NOON
from tests.samples import some_id
from tests.unit.known_of_a_sync import AT_13_17, AT_14_17, HOUR, LIMITED, MINUTE, row, sentences


def test_a_time_that_the_night_brings_twice_says_which_it_is() -> None:
    first = datetime.fromisoformat("2026-10-25T00:17:00+00:00")
    told = [row(Outcome.SUCCEEDED, first + hours, job_id=some_id()) for hours in (HOUR, HOUR * 0)]
    runs = tell_log(told, LocalTime.of(first + 3 * HOUR, "Europe/Berlin"), at_most=10, complete=True)
    assert [each.split(" succeeded")[0] for each in runs] == ["The run of 02:17 CET", "The run of 02:17 CEST"]


@pytest.mark.parametrize(
    ("outcome", "fields", "told"),
    [
        (Outcome.SUCCEEDED, {"records": 120}, "The run of 13:17 succeeded: 120 records in 3 s."),
        (Outcome.SUCCEEDED, {"simulated": True}, "The run of 13:17 succeeded: 0 records in 3 s, simulated."),
        (
            Outcome.FAILED,
            {"error_code": "PLATFORM_REFUSED", "message": "Google refuses."},
            "The run of 13:17 failed at its first attempt: PLATFORM_REFUSED: Google refuses.",
        ),
        (
            Outcome.FAILED,
            {"attempt": 5, "error_code": "PLATFORM_UNAVAILABLE"},
            "The run of 13:17 failed after 5 attempts: PLATFORM_UNAVAILABLE.",
        ),
        (
            Outcome.STALLED,
            {"attempt": 12, "error_code": "SYNC_STALLED"},
            "The run of 13:17 was stopped at its 12th attempt, since it got nowhere: SYNC_STALLED.",
        ),
        (
            Outcome.RETRYING,
            LIMITED,
            (
                "The run of 13:17 was to be tried again after its first attempt, which failed:"
                " PLATFORM_RATE_LIMITED: Google asks to wait."
            ),
        ),
        (
            Outcome.ABANDONED,
            {"error_code": "LEASE_LOST", "message": "the worker stopped"},
            (
                "The run of 13:17 was to be tried again after its first attempt, which was lost:"
                " LEASE_LOST: the worker stopped."
            ),
        ),
        (
            Outcome.RELEASED,
            {"attempt": 2, "message": "The scheduler stopped and gave the job back."},
            (
                "The run of 13:17 was to go on after its second attempt, which ended early:"
                " The scheduler stopped and gave the job back."
            ),
        ),
        (
            Outcome.CANCELLED,
            {"message": "cancelled by a person"},
            "The run of 13:17 was cancelled during its first attempt: cancelled by a person.",
        ),
        (
            Outcome.CANCELLED,
            {"attempt": None, "message": "cancelled by a person"},
            "The run of 13:17 was cancelled before it started: cancelled by a person.",
        ),
        (
            Outcome.OVERLAPPED,
            {"message": "the last run was still going"},
            "The slot of 13:17 did not run: the last run was still going.",
        ),
        (Outcome.MISSED, {"message": "no scheduler"}, "The slot of 13:17 was missed: no scheduler."),
        (
            Outcome.COALESCED,
            {"message": "a later slot ran in its place"},
            "The slot of 13:17 did not run: a later slot ran in its place.",
        ),
        (
            Outcome.PAUSED,
            {"message": "the connection had expired"},
            "The slot of 13:17 did not run: the connection had expired.",
        ),
        (
            Outcome.API_ERROR,
            {"route": "/api/sync/{platform}", "error_code": "UNKNOWN_PLATFORM", "count": 3},
            "A call to /api/sync/{platform} was refused at 13:18, 3 times: UNKNOWN_PLATFORM.",
        ),
    ],
)
def test_a_slot_or_a_run_is_told_by_how_it_ended(outcome: Outcome, fields: dict[str, Any], told: str) -> None:
    assert sentences(row(outcome, **fields)) == [told]


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_sentence(outcome: Outcome) -> None:
    for bare in (row(outcome), row(outcome, None, job_id=None, attempt=None, started_at=None, finished_at=None)):
        [told] = sentences(bare)
        assert told.endswith(".")
        assert "None" not in told


def test_a_run_is_told_once_with_all_its_attempts() -> None:
    attempts = [
        row(Outcome.SUCCEEDED, attempt=4, records=20),
        row(Outcome.ABANDONED, attempt=3, finished_at=NOON),
        row(Outcome.OVERLAPPED, AT_13_17 + 10 * MINUTE),
        row(Outcome.RETRYING, attempt=2, records=100, **LIMITED),
        row(Outcome.OVERLAPPED, AT_13_17 + 5 * MINUTE),
        row(Outcome.RELEASED, attempt=1),
    ]
    assert sentences(*attempts) == [
        "The run of 13:17 succeeded after 4 attempts: 120 records in 9 s.",
        "2 slots from 13:22 to 13:27 did not run.",
    ]


def test_a_run_that_was_cancelled_between_two_attempts_says_so() -> None:
    cancelled = sentences(row(Outcome.CANCELLED), row(Outcome.RETRYING))
    assert cancelled == ["The run of 13:17 was cancelled while it waited for its second attempt."]


def test_a_manual_run_is_called_by_when_it_began() -> None:
    assert sentences(row(Outcome.SUCCEEDED, None)) == ["The manual run of 13:17 succeeded: 0 records in 3 s."]


def test_slots_that_went_alike_are_told_together() -> None:
    reason = "no scheduler was running at that time, and this schedule does not catch up"
    first = AT_13_17 - 23 * HOUR
    missed = row(Outcome.MISSED, first, slot_last_at=AT_13_17, count=24, message=reason)
    assert sentences(missed) == [f"24 slots from 19 May 14:17 to 13:17 were missed: {reason}."]
    paused = [row(Outcome.PAUSED, AT_13_17 - hours * HOUR, message="off") for hours in range(3)]
    overlapped = row(Outcome.OVERLAPPED, AT_13_17 - 3 * HOUR, message="off")
    assert sentences(*paused, overlapped) == [
        "3 slots from 11:17 to 13:17 did not run: off.",
        "The slot of 10:17 did not run: off.",
    ]


def test_only_the_newest_are_told() -> None:
    runs = [row(Outcome.SUCCEEDED, AT_13_17 - hours * HOUR, job_id=some_id()) for hours in range(30)]
    told = sentences(*runs)
    assert len(told) == MOST_EVENTS
    assert told[0].startswith("The run of 13:17 ")


def test_what_may_have_begun_before_the_oldest_row_is_not_told_as_if_it_were_whole() -> None:
    attempts = [row(Outcome.FAILED, attempt=9), *(row(Outcome.RETRYING, attempt=8 - place) for place in range(3))]
    whole = row(Outcome.SUCCEEDED, AT_14_17 - MINUTE, job_id=some_id())
    assert len(sentences(whole, *attempts, complete=False)) == 1
    assert sentences(*attempts, complete=False) == ["The run of 13:17 failed after 9 attempts."]
    cut = sentences(row(Outcome.SUCCEEDED, attempt=3), complete=False)
    assert cut == ["The run of 13:17 succeeded after 3 attempts."]
    paused = [row(Outcome.PAUSED, AT_13_17 - hours * HOUR) for hours in range(2)]
    assert sentences(*paused, complete=False) == ["At least 2 slots from 12:17 to 13:17 did not run."]


def test_what_a_platform_says_is_told_on_one_line_and_not_at_any_length() -> None:
    [told] = sentences(row(Outcome.FAILED, message="<html>\n\n" + "x" * 900))
    assert told.startswith("The run of 13:17 failed at its first attempt: <html> xxx")
    assert told.endswith("x …")
    assert len(told) < 400
