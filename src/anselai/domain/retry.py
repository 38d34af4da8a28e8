"""What a failed attempt leads to: another one after a delay, or the end of the job.

Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from dataclasses import dataclass
from datetime import timedelta

from anselai.domain.errors import FailureClass

BASE_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=30)
ATTEMPTS = 5
ATTEMPTS_WITH_PROGRESS = 20
RATE_LIMIT_DELAY = timedelta(minutes=1)  # when the platform does not say how long
LONGEST_RATE_LIMIT = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The failed attempts of a job so far, apart by whether they stored anything first."""

    without_progress: int
    with_progress: int

    def and_one(self, *, made_progress: bool) -> "Failures":
        return Failures(
            without_progress=self.without_progress + (not made_progress),
            with_progress=self.with_progress + made_progress,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    delay: timedelta
    failures: Failures


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    failures: Failures


def after_failure(
    failure: FailureClass,
    *,
    so_far: Failures,
    made_progress: bool,
    retry_after: timedelta | None,
    jitter: float,
) -> Retry | GiveUp:
    """Decide what follows a failed attempt. `jitter` is a random number in [0, 1).

    A rate limit waits and uses up no attempt. Transient failures have ATTEMPTS attempts, those that made progress
    ATTEMPTS_WITH_PROGRESS. Everything else ends the job: auth was already given its one refresh by the runner.
    """
    if failure is FailureClass.RATE_LIMITED:
        wait = min(retry_after if retry_after is not None else RATE_LIMIT_DELAY, LONGEST_RATE_LIMIT)
        return Retry(delay=max(wait, timedelta(seconds=1)), failures=so_far)
    failures = so_far.and_one(made_progress=made_progress)
    if failure is not FailureClass.TRANSIENT:
        return GiveUp(failures=failures)
    if failures.without_progress >= ATTEMPTS or failures.with_progress >= ATTEMPTS_WITH_PROGRESS:
        return GiveUp(failures=failures)
    tries = 1 if made_progress else failures.without_progress
    ceiling = min(BASE_DELAY * 2 ** min(tries - 1, 16), LONGEST_DELAY)
    return Retry(delay=ceiling * jitter, failures=failures)
