"""What a refresh that brought no tokens means for a connection. Pure: instants and chance are arguments."""

from dataclasses import replace
from datetime import datetime, timedelta

from anselai.domain.connection import ConnectionStatus, PlatformConnection
from anselai.domain.errors import (
    AnswerLost,
    AuthFailure,
    ClientBug,
    PermanentFailure,
    PlatformFailure,
    RateLimited,
    RefreshUnanswered,
    TokenUnreadable,
    TransientFailure,
)
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import (
    COOLDOWN,
    RefreshState,
    SecondUse,
    after_failure,
    after_rate_limit,
    after_silence,
    may_ask,
)


def unanswered(info: PlatformInfo, asked_at: datetime, why: str | None = None) -> RefreshUnanswered:
    return RefreshUnanswered(info.label, f"{asked_at:%Y-%m-%d %H:%M} UTC", why)


def is_answered(failure: PlatformFailure) -> bool:
    """Whether the failure says that the platform gave no new tokens."""
    return not isinstance(failure, AnswerLost | ClientBug)


def told(info: PlatformInfo, failure: PlatformFailure, now: datetime) -> PlatformFailure:
    """The failure as it is for the connection: an answer that is lost for good is the end of a single-use token."""
    if is_answered(failure) or may_ask(info.second_use, info.reuse_grace, timedelta()):
        return failure
    return unanswered(info, now, str(failure))


def after(
    info: PlatformInfo, stored: PlatformConnection, failure: PlatformFailure, *, now: datetime, jitter: float
) -> PlatformConnection:
    """The connection after a failure that was `told`."""
    if isinstance(failure, AuthFailure):
        is_open = isinstance(failure, RefreshUnanswered)
        # What was refused may be asked for again by a person, but not by everybody at once.
        not_before = None if is_open else now + COOLDOWN
        state = RefreshState(asked_at=now if is_open else None, not_before=not_before, ended=True)
        expired = stored.marked(ConnectionStatus.EXPIRED, now=now, code=failure.code, reason=str(failure))
        return replace(expired, refresh=state)
    state = replace(stored.refresh, asked_at=None if is_answered(failure) else now)
    if isinstance(failure, RateLimited):
        state = after_rate_limit(state, now, failure.retry_after, jitter)
    elif state.asked_at is not None and info.second_use is SecondUse.GRACE:
        state = after_silence(state, now, info.reuse_grace)
    else:
        state = after_failure(state, now, jitter)
    if stored.needs_new_tokens:  # a person tried all the same: it stays as it is, and is not tried by itself
        at = state.at if state.asked_at is not None and info.second_use is SecondUse.GRACE else None
        return replace(stored, refresh=replace(state, at=at))
    reason = f"{str(failure).rstrip('. ')}. New tokens are asked for again at {state.at:%H:%M:%S} UTC."
    return replace(stored.marked(stored.status, now=now, code=failure.code, reason=reason), refresh=state)


def after_unreadable(
    stored: PlatformConnection, unreadable: TokenUnreadable, *, now: datetime, jitter: float
) -> PlatformConnection:
    """No platform was asked, so nobody has to wait; but a missing key may be given back, so it is looked at again."""
    if stored.needs_new_tokens:
        return replace(stored, refresh=replace(stored.refresh, asked_at=None))
    state = replace(after_failure(replace(stored.refresh, asked_at=None), now, jitter), not_before=None)
    marked = stored.marked(ConnectionStatus.ERROR, now=now, code=unreadable.code, reason=str(unreadable))
    return replace(marked, refresh=state)


def while_waiting(stored: PlatformConnection, until: datetime, now: datetime) -> PlatformFailure:
    """What everybody is told who asks before the time: the failure that made the connection wait."""
    reason = stored.last_error or f"The last token refresh failed; the platform is asked again at {until:%H:%M:%S} UTC."
    if stored.last_error_code == RateLimited.code:
        return RateLimited(reason, until - now)
    kinds = {each.code: each for each in (AuthFailure, PermanentFailure, AnswerLost, ClientBug)}
    return kinds.get(stored.last_error_code or "", TransientFailure)(reason)
