"""Every error of ours has its answer in the one table."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus

import pytest

from anselai.application.ansel import Ansel
from anselai.domain import errors
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
    PlatformNotConfigured,
    PlatformPaused,
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
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.errors import TABLE
from tests.integration.http.asking import ask, failing

ANSWERS: list[tuple[AnselError, int, str | None]] = [
    (InvalidInput.of("scopes", "must be few"), 422, None),
    (UnknownPlatform("myspace", ["google"]), 404, None),
    (ConnectionNotFound("google"), 404, None),
    (NotFound("There is no such job."), 404, None),
    (ConnectionExists("google"), 409, None),
    (NoRefreshToken("google"), 409, None),
    (ConnectionChanged("google"), 409, None),
    (RefreshInProgress("google"), 409, "5"),
    (PlatformNotConfigured("google", ["GOOGLE_CLIENT_ID"]), 409, None),
    (TokenUnreadable(), 409, None),
    (AuthFailure("Google refuses the token."), 409, None),
    (IdempotencyKeyReused("google", None), 409, None),
    (TooManyIdempotencyKeys(10_000), 429, "600"),
    (TooManySyncs(10_000), 429, "600"),
    (JobEnded("succeeded"), 409, None),
    (LeaseLost(), 409, None),
    (RateLimited("Google asks to wait.", timedelta(seconds=90.2)), 503, "91"),
    (RateLimited("Google asks to wait."), 503, "60"),
    (PlatformPaused("Google", timedelta(seconds=30)), 503, "30"),
    (RateLimited("Google asks to wait.", timedelta()), 503, "1"),
    (TransientFailure("Google does not answer."), 503, "30"),
    (PermanentFailure("Google refuses the request."), 502, None),
    (ClientBug("The Google client failed."), 502, None),
    (StoreUnavailable(), 503, "5"),
    (RightsMissing("permission denied for table studios"), 503, "30"),
    (SchemaBehind("0001", "0002"), 503, "30"),
    (SchemaUnknown("0009"), 503, "30"),
    (InvalidSettings("ANSELAI_PORT must be a number."), 500, None),
    (KeysMissing({"0a1b": 7}, ["google of default"]), 500, None),
    (KeyNeeded("Stored tokens still need this key."), 409, None),
    (RotationTooEarly("0a1b"), 409, None),
    (AnswerLost("Google did not answer."), 503, "30"),
    (RefreshUnanswered("Google", "2026-05-20 12:00 UTC"), 409, None),
    (Unauthenticated(), 401, None),
    (Forbidden("write"), 403, None),
    (StudioExists("darkroom"), 409, None),
    (StudioNotFound("darkroom"), 404, None),
    (StudioInUse("darkroom"), 409, None),
    (ApiKeyNotFound(), 404, None),
    (EmbeddedDatabaseFailed("The embedded database did not start."), 500, None),
]
NAMES = [f"{type(error).__name__}-{retry_after}" for error, _, retry_after in ANSWERS]


class OfAPlugIn(TransientFailure):
    """A platform's own kind of failure, which no table can know."""

    code = "FLICKR_DOWN"


def leaves(kind: type[AnselError] = AnselError) -> Iterator[type[AnselError]]:
    below = [each for each in kind.__subclasses__() if each.__module__.startswith("anselai.")]
    for each in below:
        yield from leaves(each)
    if not below:
        yield kind


def test_the_table_is_total_over_the_leaves_of_the_tree() -> None:
    unnamed = {each for each in leaves() if each not in TABLE}
    assert {each for each in unnamed if each.__module__ == errors.__name__} == set()
    by_descent = {next(kind for kind in each.__mro__ if kind in TABLE) for each in unnamed}
    assert AnselError not in by_descent, "an error that means no more than INTERNAL_ERROR"


def test_every_error_of_the_domain_is_answered_in_these_tests() -> None:
    declared = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AnselError)}
    families = {AnselError, errors.PlatformFailure}
    assert {type(error) for error, _, _ in ANSWERS} == declared - families


def test_every_code_is_stable_and_its_own() -> None:
    codes = [type(error).code for error in {type(error): error for error, _, _ in ANSWERS}.values()]
    assert len(codes) == len(set(codes))
    assert all(code == code.upper() and code.replace("_", "").isalpha() for code in codes)


@pytest.mark.parametrize(("error", "status", "retry_after"), ANSWERS, ids=NAMES)
async def test_an_error_is_answered_by_the_table(
    ansel: Ansel, error: AnselError, status: int, retry_after: str | None
) -> None:
    reply = await ask(build_app(failing(ansel, error)), "GET", "/api/connections")
    content = json.loads(reply.body)
    assert (reply.status, content["code"], content["success"]) == (status, error.code, False)
    assert reply.headers.get("retry-after") == retry_after
    assert content["error"] == ("Not valid: scopes must be few." if status == 422 else str(error))


@pytest.mark.parametrize(("error", "status", "retry_after"), ANSWERS, ids=NAMES)
async def test_a_page_tells_the_same(ansel: Ansel, error: AnselError, status: int, retry_after: str | None) -> None:
    reply = await ask(build_app(failing(ansel, error)), "GET", "/connections")
    assert (reply.status, reply.headers.get("retry-after")) == (status, retry_after)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert error.code in reply.body.decode()
    assert reply.headers["x-request-id"] in reply.body.decode()


async def test_a_failure_that_a_plug_in_made_up_is_answered_as_its_kind(ansel: Ansel) -> None:
    reply = await ask(build_app(failing(ansel, OfAPlugIn("Flickr is down."))), "GET", "/api/connections")
    assert (reply.status, reply.headers["retry-after"], json.loads(reply.body)["code"]) == (503, "30", "FLICKR_DOWN")


@pytest.mark.parametrize("status", sorted({rule.status for rule in TABLE.values()}))
def test_every_status_is_one_of_http(status: int) -> None:
    assert HTTPStatus(status) >= 400
