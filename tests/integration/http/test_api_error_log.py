"""Errors of the API are kept in the log: by route and code, bounded, and never at the answer's cost."""

import asyncio
import logging
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.domain.errors import StoreUnavailable
from anselai.domain.ports.sync_log import ApiError
from anselai.domain.sync_job import Outcome, Trigger
from anselai.entrypoints.http.api_error_log import ApiErrorLog
from tests.integration.http.asking import Failing, ask

CANARY = "canary-4711.token"


@dataclass(slots=True)
class Written:
    """A log that keeps what it was told, if it may go on."""

    errors: list[ApiError] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def record_api_error(self, error: ApiError) -> None:
        await self.may_go_on.wait()
        self.errors.append(error)
        self.came.set()


def an_error(route: str = "/api/connections", code: str = "MALFORMED_JSON") -> ApiError:
    return ApiError(studio="default", route=route, code=code, message="Not valid.", request_id="one")


async def kept(app: Starlette, ansel: Ansel) -> list[tuple[str | None, str | None, int]]:
    await app.state.api_errors.close()
    page = await ansel.scheduler.log(trigger=Trigger.API)
    assert all(each.outcome is Outcome.API_ERROR and each.platform is None for each in page.entries)
    return [(each.route, each.error_code, each.count) for each in page.entries]


async def test_an_error_is_kept_with_its_route_its_code_and_the_id_of_the_request(
    client: httpx.AsyncClient, app: Starlette, ansel: Ansel
) -> None:
    await client.get(f"/api/connections/{CANARY}", headers={"x-request-id": "one"})
    assert await kept(app, ansel) == [("/api/connections/{platform}", "UNKNOWN_PLATFORM", 1)]
    [entry] = (await ansel.scheduler.log()).entries
    assert (entry.request_id, entry.trigger) == ("one", Trigger.API)
    assert CANARY not in repr(entry)


async def test_paths_that_there_are_not_share_one_row(client: httpx.AsyncClient, app: Starlette, ansel: Ansel) -> None:
    for n in range(20):
        await client.get(f"/api/nothing-{n}")
    [(route, code, _)] = await kept(app, ansel)
    assert (route, code) == ("/api/*", "NOT_FOUND")


async def test_only_errors_of_the_api_are_kept(client: httpx.AsyncClient, app: Starlette, ansel: Ansel) -> None:
    for path in ("/nothing", "/readyz", "/sync?outcome=nonsense", "/static/nothing"):
        assert (await client.get(path)).status_code >= 400
    await client.get("/api/connections")
    assert await kept(app, ansel) == []


async def test_equal_errors_that_come_at_once_are_one_write_with_their_count() -> None:
    written = Written()
    log = ApiErrorLog(sync_log=written)  # type: ignore[arg-type]
    for _ in range(1000):
        log.keep(an_error())
        log.keep(an_error(code="VALIDATION_ERROR"))
    written.may_go_on.set()
    await log.flush()
    await log.close()
    assert [(each.code, each.count) for each in written.errors] == [
        ("MALFORMED_JSON", 1000),
        ("VALIDATION_ERROR", 1000),
    ]


async def test_errors_that_come_during_a_pause_are_one_write_after_it() -> None:
    written = Written()
    written.may_go_on.set()
    log = ApiErrorLog(sync_log=written, pause=0.02)  # type: ignore[arg-type]
    log.keep(an_error())
    await written.came.wait()
    written.came.clear()
    for _ in range(50):
        log.keep(an_error())
    await written.came.wait()
    await log.close()
    assert [each.count for each in written.errors] == [1, 50]


async def test_what_still_waits_is_written_at_the_end() -> None:
    written = Written()
    log = ApiErrorLog(sync_log=written)  # type: ignore[arg-type]
    log.keep(an_error())
    written.may_go_on.set()
    await log.close()
    assert [each.count for each in written.errors] == [1]


@pytest.mark.parametrize("error", [StoreUnavailable(), RuntimeError(CANARY)])
async def test_a_log_that_cannot_be_written_changes_no_answer(
    app: Starlette, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "anselai.http")
    app.state.api_errors.sync_log = Failing(error)
    assert (await ask(app, "GET", "/api/nothing")).status == 404
    await app.state.api_errors.close()
    assert f"could not be kept in the log: {type(error).__name__}" in caplog.text
    assert CANARY not in caplog.text


async def test_a_log_that_hangs_delays_no_answer(app: Starlette) -> None:
    app.state.api_errors.sync_log = Written()  # which nobody lets go on
    async with asyncio.timeout(1):
        for _ in range(10):
            assert (await ask(app, "GET", "/api/nothing")).status == 404
    app.state.api_errors.sync_log.may_go_on.set()


async def test_while_the_store_is_away_it_is_not_even_asked(app: Starlette) -> None:
    app.state.api_errors.keep(an_error(code="OTHER"))
    await app.state.api_errors.close()
    written = app.state.api_errors.sync_log = Written()
    written.may_go_on.set()
    for route in app.routes:
        if route.path == "/api/connections":  # type: ignore[attr-defined]
            route.app.handlers["GET"] = Failing(StoreUnavailable()).anything  # type: ignore[attr-defined]
    assert (await ask(app, "GET", "/api/connections")).status == 503
    await app.state.api_errors.close()
    assert written.errors == []
