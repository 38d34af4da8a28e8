"""How a platform gives new tokens, and when to ask for them. Pure: instants and chance are arguments.

Backoff is exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from anselai.domain.retry import LONGEST_RATE_LIMIT, RATE_LIMIT_DELAY

COOLDOWN = timedelta(seconds=30)  # after a failure nobody asks the platform again for so long
BASE_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=30)
SOON = timedelta(seconds=2)
SHARES_OF_GRACE = 8  # a question, the end of a lease and another question fit into half of a grace
LARGEST_SHARE = 3  # of a token's life: a third of it is the largest margin
SPREAD = 4  # a fleet's refreshes are spread over a fourth of the margin, before it begins


class RefreshStrategy(StrEnum):
    """What is given for new tokens: a refresh token, the access token itself while it lives, or nothing can be."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    EXCHANGE = "exchange"
    NONE = "none"


class SecondUse(StrEnum):
    """What becomes of a refresh token (or of an exchanged access token) that is used once more.

    `grace`: it works again for a while. `refused`: it works once only, and where a platform keeps RFC 9700, section
    4.14.2, using it again ends the whole grant: so nobody does.
    """

    WORKS = "works"
    GRACE = "grace"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshState:
    """What is known of the refreshing of a connection's present tokens. Instants are the store's.

    `at`: when a daemon refreshes them, whether anybody uses them or not; None: never. `asked_at`: since when a question
    is open: the platform was asked for new tokens with these, and nobody knows whether it gave any. `failures`: in a
    row. `not_before`: until then nobody asks the platform. `ended`: the platform refused them, or what it answered is
    lost for good, so that only new tokens help.
    """

    at: datetime | None = None
    asked_at: datetime | None = None
    failures: int = 0
    not_before: datetime | None = None
    ended: bool = False

    def is_due(self, now: datetime) -> bool:
        return self.at is not None and self.at <= now

    def waits(self, now: datetime) -> bool:
        """Whether it failed, and what comes of itself is not tried again yet."""
        return self.failures > 0 and self.at is not None and self.at > now


def planned_at(*, given_at: datetime, expires_at: datetime, margin: timedelta, spread: float) -> datetime:
    """When to refresh tokens that were given then: before their last `margin`, and not before half of their life.

    `spread` in [0, 1) is this connection's own; tokens that have expired already are due at once.
    """
    life = expires_at - given_at
    if life <= timedelta():
        return given_at
    early = min(margin, life / LARGEST_SHARE)
    return expires_at - early - early * spread / SPREAD


def spread_of(connection_id: UUID, token_version: int) -> float:
    """A number in [0, 1) that is the same for the same tokens everywhere, and another for others."""
    digest = blake2b(connection_id.bytes + token_version.to_bytes(8, "big", signed=True), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def after_failure(state: RefreshState, now: datetime, jitter: float) -> RefreshState:
    """The next attempt after one more failure; `jitter` is a random number in [0, 1)."""
    failures = state.failures + 1
    ceiling = min(BASE_DELAY * 2 ** min(failures, 16), LONGEST_DELAY)
    not_before = now + COOLDOWN
    at = max(not_before, now + ceiling * jitter)
    return replace(state, at=at, failures=failures, not_before=not_before)


def after_rate_limit(state: RefreshState, now: datetime, said: timedelta | None, jitter: float) -> RefreshState:
    """As long as the platform said, and up to a tenth longer, so that those who wait do not all come at once."""
    wait = min(max(said if said is not None else RATE_LIMIT_DELAY, timedelta(seconds=1)), LONGEST_RATE_LIMIT)
    return replace(state, at=now + wait * (1 + jitter / 10), failures=state.failures + 1, not_before=now + wait)


def after_silence(state: RefreshState, now: datetime, grace: timedelta) -> RefreshState:
    """The next attempt while a token works once more: soon, since the grace ends, but not in a rush."""
    wait = min(SOON * 2 ** min(state.failures, 16), grace / SHARES_OF_GRACE, COOLDOWN)
    return replace(state, at=now + wait, failures=state.failures + 1, not_before=now + wait)


def may_ask(second_use: SecondUse, grace: timedelta, open_for: timedelta | None) -> bool:
    """Whether the platform may be asked while a question has been open for so long; None: none is.

    Half of a grace is left for the way to the platform.
    """
    match second_use:
        case SecondUse.WORKS:
            return True
        case SecondUse.GRACE:
            return open_for is None or open_for < grace / 2
        case SecondUse.REFUSED:
            return open_for is None
