"""One tree of errors. Each leaf has a stable code; none knows of HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

_LONGEST_NAME = 20  # characters


def _named(name: str) -> str:
    """What is longer than names are may be a token that was put into the wrong place: it is not repeated whole."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:6]}..."


class AnselError(Exception):
    """Anything that AnselAI itself refuses or cannot do. The message is a sentence for a person, without secrets."""

    code: ClassVar[str] = "INTERNAL_ERROR"


def our_kind(error: AnselError) -> type[AnselError]:
    """The nearest of our own classes: what a plug-in's own says of itself, such as its code, may be anything at all."""
    return next(each for each in type(error).__mro__ if each.__module__.startswith("anselai."))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: `path` is its field in the wire's spelling (`tokenExpiresAt`), or empty."""

    path: str
    message: str


class InvalidInput(AnselError):
    """The input breaks a rule; `problems` says where and which."""

    code = "VALIDATION_ERROR"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.path}: {p.message}" if p.path else p.message for p in self.problems))

    @classmethod
    def of(cls, path: str, message: str) -> "InvalidInput":
        return cls([Problem(path, message)])


class UnknownPlatform(AnselError):
    code = "UNKNOWN_PLATFORM"

    def __init__(self, platform: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no platform {_named(platform)!r}. Known are: {', '.join(sorted(known))}.")


class ConnectionExists(AnselError):
    code = "CONNECTION_EXISTS"

    def __init__(self, platform: str) -> None:
        super().__init__(f"{platform} is connected already. Change the connection, or remove it first.")


class ConnectionNotFound(AnselError):
    code = "CONNECTION_NOT_FOUND"

    def __init__(self, platform: str) -> None:
        super().__init__(f"{_named(platform)} is not connected. Connect it first.")


class ConnectionChanged(AnselError):
    """A compare-and-swap on the connection's version was lost."""

    code = "CONNECTION_CHANGED"

    def __init__(self, platform: str) -> None:
        super().__init__(f"The {platform} connection was changed by somebody else meanwhile. Read it again and repeat.")


class NoRefreshToken(AnselError):
    code = "NO_REFRESH_TOKEN"

    def __init__(self, platform: str) -> None:
        super().__init__(f"No refresh token is stored for {platform}. Connect it again to get new tokens.")


class RefreshInProgress(AnselError):
    """Another process is refreshing this connection's token and did not finish in the time we wait."""

    code = "REFRESH_IN_PROGRESS"

    def __init__(self, platform: str) -> None:
        super().__init__(f"The {platform} token is being refreshed by another process. Try again in a few seconds.")


class NotFound(AnselError):
    """Something addressed by an id does not exist: a job, a schedule, a page."""

    code = "NOT_FOUND"


class IdempotencyKeyReused(AnselError):
    """The key belongs to another request."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, platform: str, frequency: str | None) -> None:
        super().__init__(
            f"This Idempotency-Key was used within the last 24 hours for another request: to sync {platform},"
            f" {frequency or 'without a frequency'}. Use a new key for each new request."
        )


class TooManyIdempotencyKeys(AnselError):
    code = "TOO_MANY_IDEMPOTENCY_KEYS"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} Idempotency-Keys were used within the last 24 hours, and no more are kept. Repeat a request with"
            " the key that it had, ask without a key, or wait until the oldest ones are a day old."
        )


class TooManySyncs(AnselError):
    code = "TOO_MANY_SYNCS"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} syncs were asked for within the last 24 hours, and no more are taken. Leave the rest to the"
            " schedules, or wait until the oldest ones are a day old."
        )


class JobEnded(AnselError):
    """A job that has ended cannot be cancelled any more."""

    code = "JOB_ENDED"

    def __init__(self, state: str) -> None:
        super().__init__(f"This sync has ended already, as {state}: there is nothing left to cancel.")


class TokenUnreadable(AnselError):
    """A sealed token was refused: tampered with, moved from another row, or sealed with a key we do not have."""

    code = "TOKEN_UNREADABLE"

    def __init__(self) -> None:
        super().__init__("The stored token cannot be opened with the key in use. Connect the platform again.")


class LeaseLost(AnselError):
    """A run tried to write although its fencing token is no longer the current one."""

    code = "LEASE_LOST"

    def __init__(self) -> None:
        super().__init__("This run lost its lease; another worker has the job now.")


class StoreUnavailable(AnselError):
    code = "STORE_UNAVAILABLE"

    def __init__(self, why: str = "The database does not answer. Nothing was changed; try again shortly.") -> None:
        super().__init__(why)


class RightsMissing(StoreUnavailable):
    """The database's role has no right to something; `what` is how the database says so."""

    code = "RIGHTS_MISSING"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The database's role may not do that: {what}. Run anselai migrate as the role that owns the tables, and as"
            " the same role what anselai migrate --grants ROLE prints; docs/database-role.md shows how."
        )


class SchemaBehind(AnselError):
    code = "SCHEMA_BEHIND"

    def __init__(self, current: str | None, wanted: str) -> None:
        super().__init__(
            f"The database schema is at {current or 'nothing yet'}, this version needs {wanted}. Run: anselai migrate"
        )


class SchemaUnknown(AnselError):
    code = "SCHEMA_UNKNOWN"

    def __init__(self, current: str) -> None:
        super().__init__(f"The database schema is at {current}, which this version does not know. Upgrade AnselAI.")


class InvalidSettings(AnselError):
    code = "INVALID_SETTINGS"


class KeysMissing(InvalidSettings):
    """Stored tokens need keys that are not in the ring. `rows` says how many connections need which."""

    code = "ENCRYPTION_KEY_MISSING"

    def __init__(self, rows: Mapping[str, int], some: Sequence[str]) -> None:
        self.rows = dict(rows)
        needed = ", ".join(f"{key_id or 'unnamed'} ({number})" for key_id, number in sorted(rows.items()))
        super().__init__(
            f"Stored tokens need encryption keys that are not here: {needed}, for example those of {', '.join(some)}."
            " Add the missing keys to ENCRYPTION_KEYS_OLD. If a key is lost for good, remove these connections with"
            " anselai connections remove, and connect the platforms again."
        )


class KeyNeeded(AnselError):
    """An encryption key may not go yet."""

    code = "ENCRYPTION_KEY_NEEDED"


class RotationTooEarly(AnselError):
    code = "ROTATION_TOO_EARLY"

    def __init__(self, primary: str | None) -> None:
        """`primary` is the id of a key of the settings; None says that the keys are kept in files."""
        super().__init__(
            "A running process has an ENCRYPTION_KEY of its own, and could not open what a key of the files here seals."
            " Stop it, or start it without ENCRYPTION_KEY, and repeat this."
            if primary is None
            else f"A running process does not have the encryption key {primary} yet, and could not open what it seals."
            " Add that key to ENCRYPTION_KEYS_OLD of every process, start each anew, and repeat this."
        )


class EmbeddedDatabaseFailed(AnselError):
    """The database that comes with AnselAI cannot be made, started or stopped; the message says what to do."""

    code = "EMBEDDED_DATABASE_FAILED"


class FailureClass(StrEnum):
    """Why a platform call failed, as far as it decides what happens next."""

    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    AUTH = "auth"
    PERMANENT = "permanent"
    BUG = "bug"


class PlatformFailure(AnselError):
    """What a platform client raises. Raise a subclass; anything else that a client raises counts as a bug of it."""

    code = "PLATFORM_FAILURE"
    failure_class: ClassVar[FailureClass] = FailureClass.BUG

    def retold(self, message: str) -> "PlatformFailure":
        """The same failure in these words, as one of our own classes: a plug-in's may say more than they should."""
        for kind in (AnswerLost, TransientFailure, AuthFailure, PermanentFailure):
            if isinstance(self, kind):
                return kind(message)
        if isinstance(self, RateLimited):
            return RateLimited(message, self.retry_after)
        return ClientBug(message)


class TransientFailure(PlatformFailure):
    """Worth trying again: a time-out, a 5xx, a broken connection."""

    code = "PLATFORM_UNAVAILABLE"
    failure_class = FailureClass.TRANSIENT


class AnswerLost(TransientFailure):
    """The question may have reached the platform, and no answer came: a time-out, a connection that was cut."""

    code = "PLATFORM_ANSWER_LOST"


class RateLimited(PlatformFailure):
    """The platform asks us to wait; `retry_after` is how long it said, if it did."""

    code = "PLATFORM_RATE_LIMITED"
    failure_class = FailureClass.RATE_LIMITED

    def __init__(self, message: str, retry_after: timedelta | float | None = None) -> None:
        """`retry_after` as a duration, or as a number of seconds. What is neither, as the text of a header, is as if
        the platform had said nothing: to refuse it would lose the answer that it is part of.
        """
        self.retry_after = _duration(retry_after)
        super().__init__(message)


def _duration(given: object) -> timedelta | None:
    if isinstance(given, timedelta):
        return given
    try:
        return timedelta(seconds=given) if isinstance(given, int | float) else None
    except (OverflowError, ValueError):  # endless, or no number
        return None


class PlatformPaused(RateLimited):
    """A platform that gives others no new tokens is not asked for more; `retry_after` is when it may be."""

    code = "PLATFORM_PAUSED"

    def __init__(self, label: str, retry_after: timedelta) -> None:
        super().__init__(
            f"{label} is left in peace for a while: it is slow, or gives others no new tokens. This is tried again.",
            retry_after,
        )


class AuthFailure(PlatformFailure):
    """The platform refuses the token: expired, revoked, or without the scopes."""

    code = "PLATFORM_AUTH"
    failure_class = FailureClass.AUTH


class RefreshUnanswered(AuthFailure):
    """A platform whose refresh tokens work once was asked for new tokens, and nobody knows what it answered.

    `why` is what became of the answer, where whoever asked lived to see that.
    """

    code = "REFRESH_UNANSWERED"

    def __init__(self, label: str, asked_at: str, why: str | None = None) -> None:
        self.why = why
        cause = "" if why is None else f" ({why.rstrip('. ')})"
        super().__init__(
            f"Expired: reconnect. {label} was asked for new tokens at {asked_at}, and its answer never arrived{cause}."
            " Its refresh tokens work only once, so the stored one may be used up, and it is not tried again."
        )


class PermanentFailure(PlatformFailure):
    """Trying again cannot help: the request itself is refused."""

    code = "PLATFORM_REFUSED"
    failure_class = FailureClass.PERMANENT


class PlatformNotConfigured(PermanentFailure):
    code = "PLATFORM_NOT_CONFIGURED"

    def __init__(self, platform: str, missing: Sequence[str]) -> None:
        super().__init__(f"{platform} needs these settings: {', '.join(missing)}. Set them in .env and start again.")


class ClientBug(PlatformFailure):
    """A platform client raised something unforeseen or returned nonsense."""

    code = "PLATFORM_CLIENT_BUG"
    failure_class = FailureClass.BUG


class Unauthenticated(AnselError):
    """No key, or none that opens: one message, whatever the reason."""

    code = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__(
            "A valid API key is needed, as the header Authorization: Bearer ansel_..."
            " Make one with: anselai keys api create"
        )


class Forbidden(AnselError):
    code = "FORBIDDEN"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This key may not do that: it takes a key with the scope {scope}.")


class StudioExists(AnselError):
    code = "STUDIO_EXISTS"

    def __init__(self, studio: str) -> None:
        super().__init__(f"There is a studio {studio} already.")


class StudioNotFound(AnselError):
    code = "STUDIO_NOT_FOUND"

    def __init__(self, studio: str) -> None:
        super().__init__(
            f"There is no studio {_named(studio)!r}. See: anselai studios list, and for what was done in those that"
            " were removed: anselai audit"
        )


class StudioInUse(AnselError):
    """The studio has connections, whose tokens would be lost with it."""

    code = "STUDIO_IN_USE"

    def __init__(self, studio: str) -> None:
        super().__init__(
            f"The studio {studio} has connections. Remove them first, or say that they go with it: --with-connections"
        )


class ApiKeyNotFound(AnselError):
    code = "API_KEY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("There is no such API key in this studio. See: anselai keys api list")
