"""What a failed attempt leads to."""

from datetime import timedelta

import pytest

from anselai.domain.errors import FailureClass
from anselai.domain.retry import Failures, GiveUp, Retry, after_failure

NONE_YET = Failures(without_progress=0, with_progress=0)


def decide(
    failure: FailureClass,
    *,
    so_far: Failures = NONE_YET,
    made_progress: bool = False,
    retry_after: timedelta | None = None,
    jitter: float = 0.999999,
) -> Retry | GiveUp:
    return after_failure(failure, so_far=so_far, made_progress=made_progress, retry_after=retry_after, jitter=jitter)


def test_transient_failures_back_off_exponentially_up_to_half_an_hour() -> None:
    delays = []
    so_far = NONE_YET
    while isinstance(decision := decide(FailureClass.TRANSIENT, so_far=so_far), Retry):
        delays.append(round(decision.delay.total_seconds()))
        so_far = decision.failures
    assert delays == [30, 60, 120, 240]  # the fifth attempt is the last


def test_the_delay_has_full_jitter() -> None:
    decision = decide(FailureClass.TRANSIENT, jitter=0.0)
    assert isinstance(decision, Retry)
    assert decision.delay == timedelta()


def test_attempts_that_made_progress_have_a_larger_budget_and_a_short_delay() -> None:
    so_far, attempts = NONE_YET, 1
    while isinstance(decision := decide(FailureClass.TRANSIENT, so_far=so_far, made_progress=True), Retry):
        assert decision.delay <= timedelta(seconds=30)
        so_far, attempts = decision.failures, attempts + 1
    assert attempts == 20


def test_a_rate_limit_waits_as_long_as_the_platform_says_and_uses_up_no_attempt() -> None:
    decision = decide(FailureClass.RATE_LIMITED, retry_after=timedelta(minutes=7))
    assert decision == Retry(delay=timedelta(minutes=7), failures=NONE_YET)


def test_a_rate_limit_without_a_time_waits_a_minute() -> None:
    decision = decide(FailureClass.RATE_LIMITED)
    assert decision == Retry(delay=timedelta(minutes=1), failures=NONE_YET)


@pytest.mark.parametrize("wait", [timedelta(), timedelta(seconds=-5), timedelta(days=400)])
def test_an_absurd_rate_limit_is_kept_between_a_second_and_a_day(wait: timedelta) -> None:
    decision = decide(FailureClass.RATE_LIMITED, retry_after=wait)
    assert isinstance(decision, Retry)
    assert timedelta(seconds=1) <= decision.delay <= timedelta(hours=24)


@pytest.mark.parametrize("failure", [FailureClass.AUTH, FailureClass.PERMANENT, FailureClass.BUG])
def test_what_trying_again_cannot_mend_ends_the_job_at_once(failure: FailureClass) -> None:
    assert decide(failure) == GiveUp(failures=Failures(without_progress=1, with_progress=0))
