"""What failures in a row mean for a schedule: after a while a warning, and in the end it is switched off.

What counts are runs, not attempts: one that failed for good after all its attempts, whether planned or asked for. The
warning comes at half the way, as Airbyte's does.
"""

from dataclasses import replace
from typing import Final

from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import RefreshInProgress, RightsMissing, StoreUnavailable, UnknownPlatform
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import SyncSchedule
from anselai.domain.sync_job import AttemptResult, Outcome

WARN_AFTER: Final = 5
DISABLE_AFTER: Final = 10
# The reason with two gaps, so that a store can fill them in where the number is known.
REASON: Final = "{} runs in a row failed, the last with {}; switch it on again when the cause is gone"

# These say nothing of the platform or the connection, and pass without anybody touching the schedule.
_OURS: Final = frozenset({each.code for each in (StoreUnavailable, RightsMissing, UnknownPlatform, RefreshInProgress)})

# The reason is told again in the row of every slot that is passed over, and a row of the log has room for 1000.
_LONGEST_CODE: Final = 100
_LONGEST_MESSAGE: Final = 500


def lengthens(result: AttemptResult) -> bool:
    """Whether a result is one more failure. One that expired the connection is not: that pauses the schedules, and
    they come back by themselves when it is reconnected. Nor is one for which the deployment is to blame: a database
    that was away, or a plug-in that is not installed.
    """
    failed = result.outcome in (Outcome.FAILED, Outcome.STALLED)
    return failed and result.connection_status is not ConnectionStatus.EXPIRED and result.error_code not in _OURS


def cause(code: str | None, message: str | None) -> str:
    """The last failure in short."""
    told = (_cut(code, _LONGEST_CODE), _cut(message, _LONGEST_MESSAGE))
    return ": ".join(filter(None, told)) or "an error that nobody told"


def failed_again(schedule: SyncSchedule, why: str) -> SyncSchedule:
    """The schedule after one more failure. One that is off already keeps the reason that it has."""
    failures = schedule.failures_in_row + 1
    longer = replace(schedule, failures_in_row=failures)
    if not schedule.enabled or failures < DISABLE_AFTER:
        return longer
    return replace(longer, enabled=False, disabled_reason=REASON.format(failures, why))


def warning(schedule: SyncSchedule) -> str | None:
    """What there is to say of a schedule that keeps failing: how often, and what happens next."""
    left = DISABLE_AFTER - schedule.failures_in_row
    if not schedule.enabled or schedule.failures_in_row < WARN_AFTER:
        return None
    then = "one more failure switches" if left <= 1 else f"{left} more failures in a row switch"
    return f"The last {schedule.failures_in_row} runs failed: {then} this schedule off. The log tells why they failed."


def notice(
    key: ConnectionKey, frequency: Frequency, failures_in_row: int, switched_off_because: str | None
) -> str | None:
    """What a daemon logs after one more failure: a first warning, or that the schedule was switched off."""
    name = f"The {frequency} sync of {key.platform} (studio {key.studio})"
    if switched_off_because is not None:
        return f"{name} was switched off: {switched_off_because}."
    if failures_in_row == WARN_AFTER:
        return f"{name} failed {WARN_AFTER} times in a row; after {DISABLE_AFTER} times it is switched off."
    return None


def _cut(text: str | None, longest: int) -> str:
    told = " ".join((text or "").split()).rstrip(" .;")
    return told if len(told) <= longest else told[: longest - 1] + "…"
