"""The one table from errors to HTTP, and what the edge itself refuses."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anselai.domain.errors import (
    AnselError,
    AnswerLost,
    ApiKeyNotFound,
    AuthFailure,
    ClientBug,
    ConnectionChanged,
    ConnectionExists,
    ConnectionNotFound,
    EmbeddedDatabaseFailed,
    Forbidden,
    IdempotencyKeyReused,
    InvalidInput,
    InvalidSettings,
    JobEnded,
    KeyNeeded,
    KeysMissing,
    LeaseLost,
    NoRefreshToken,
    NotFound,
    PermanentFailure,
    PlatformFailure,
    PlatformNotConfigured,
    PlatformPaused,
    Problem,
    RateLimited,
    RefreshInProgress,
    RefreshUnanswered,
    RightsMissing,
    RotationTooEarly,
    SchemaBehind,
    SchemaUnknown,
    StoreUnavailable,
    StudioExists,
    StudioInUse,
    StudioNotFound,
    TokenUnreadable,
    TooManyIdempotencyKeys,
    TooManySyncs,
    TransientFailure,
    Unauthenticated,
    UnknownPlatform,
)

_PROBLEMS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """The status of an error, how many seconds to wait before asking again where that can help, and other headers."""

    status: int
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


# A class that is not named here is answered as the nearest one it descends from.
TABLE: Mapping[type[AnselError], Rule] = {
    AnselError: Rule(500),
    InvalidInput: Rule(422),
    UnknownPlatform: Rule(404),
    ConnectionNotFound: Rule(404),
    NotFound: Rule(404),
    ConnectionExists: Rule(409),
    ConnectionChanged: Rule(409),
    NoRefreshToken: Rule(409),
    RefreshInProgress: Rule(409, retry_after=5),
    TokenUnreadable: Rule(409),
    IdempotencyKeyReused: Rule(409),
    TooManyIdempotencyKeys: Rule(429, retry_after=600),
    TooManySyncs: Rule(429, retry_after=600),
    JobEnded: Rule(409),
    Unauthenticated: Rule(401, headers={"WWW-Authenticate": "Bearer"}),
    Forbidden: Rule(403),
    StudioExists: Rule(409),
    StudioNotFound: Rule(404),
    StudioInUse: Rule(409),
    KeyNeeded: Rule(409),
    RotationTooEarly: Rule(409),
    ApiKeyNotFound: Rule(404),
    LeaseLost: Rule(409),
    StoreUnavailable: Rule(503, retry_after=5),
    RightsMissing: Rule(503, retry_after=30),
    SchemaBehind: Rule(503, retry_after=30),
    SchemaUnknown: Rule(503, retry_after=30),
    InvalidSettings: Rule(500),
    KeysMissing: Rule(500),
    EmbeddedDatabaseFailed: Rule(500),
    PlatformFailure: Rule(502),
    TransientFailure: Rule(503, retry_after=30),
    AnswerLost: Rule(503, retry_after=30),
    RateLimited: Rule(503, retry_after=60),
    PlatformPaused: Rule(503, retry_after=60),
    AuthFailure: Rule(409),
    RefreshUnanswered: Rule(409),
    PermanentFailure: Rule(502),
    PlatformNotConfigured: Rule(409),
    ClientBug: Rule(502),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as it is answered, in JSON or on a page. `message` is a sentence for a person."""

    status: int
    code: str
    message: str
    details: tuple[Problem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class RequestRefused(Exception):
    """What the edge refuses before any use case is asked."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.failure = Failure(status=status, code=code, message=message, headers=headers or {})
        super().__init__(message)


def too_many(code: str, message: str, wait: float) -> RequestRefused:
    """The refusal of what comes too often. `wait` is in seconds."""
    return RequestRefused(429, code, message, {"Retry-After": str(math.ceil(wait))})


def failure_of(error: Exception, request_id: str) -> Failure:
    """How an error is answered. Of one that nobody foresaw nothing is told but the id under which the log has it."""
    if isinstance(error, RequestRefused):
        return error.failure
    if isinstance(error, AnselError) and type(error) is not AnselError:
        return _foreseen(error)
    return Failure(
        status=500,
        code=AnselError.code,
        message=f"Something unforeseen went wrong here. The log on the console tells more under {request_id}.",
    )


def known_code(error: Exception) -> str:
    """The code of an error, of which there are few: one that a plug-in made up is told as that of its kind."""
    if isinstance(error, RequestRefused):
        return error.failure.code
    kinds = (each for each in type(error).__mro__ if issubclass(each, AnselError) and each in TABLE)
    return next((each.code for each in kinds), AnselError.code)


def _foreseen(error: AnselError) -> Failure:
    rule = next(TABLE[each] for each in type(error).__mro__ if each in TABLE)
    details: Sequence[Problem] = error.problems if isinstance(error, InvalidInput) else ()
    return Failure(
        status=rule.status,
        code=error.code,
        message=_sentence(details) if details else str(error),
        details=tuple(details),
        headers={**rule.headers, **_retry_after(error, rule)},
    )


def _sentence(problems: Sequence[Problem]) -> str:
    told = "; ".join(f"{each.path} {each.message}".strip() for each in problems[:_PROBLEMS_TOLD])
    return f"Not valid: {told.removesuffix('.')}{'; and more' if len(problems) > _PROBLEMS_TOLD else ''}."


def _retry_after(error: AnselError, rule: Rule) -> Mapping[str, str]:
    if rule.retry_after is None:
        return {}
    said = error.retry_after if isinstance(error, RateLimited) else None
    seconds = rule.retry_after if said is None else max(1, math.ceil(said.total_seconds()))
    return {"Retry-After": str(seconds)}
