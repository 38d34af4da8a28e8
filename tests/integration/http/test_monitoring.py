"""`/metrics`, as a scraper asks for it."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.domain.errors import StoreUnavailable, TransientFailure
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.gated_app import build_metrics_app
from tests.exposed import samples
from tests.integration.http.asking import BEARER, JSON, ask, connect, failing, refusal

SUCCEEDED = "anselai_sync_attempts_total{frequency=daily,outcome=succeeded,platform=google}"
CANARY = "canary4711.token"


class OfAPlugIn(TransientFailure):
    code = f"SECRET_{CANARY}"


class Hanging:
    """Stands in for any port: nothing ever comes back."""

    def __getattr__(self, name: str) -> Any:
        async def hang(*_: object) -> None:
            await asyncio.Event().wait()

        return hang


async def scraped(client: httpx.AsyncClient) -> dict[str, float]:
    response = await client.get("/metrics")
    assert response.status_code == 200
    return samples(response.text)


async def test_a_sync_moves_the_counters(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    assert (await scraped(client))[SUCCEEDED] == 0
    await client.post("/api/sync/google")
    assert (await scraped(client))["anselai_sync_jobs{state=due}"] == 1
    await ansel.worker.drain()
    found = await scraped(client)
    assert (found[SUCCEEDED], found["anselai_sync_jobs{state=due}"], found["anselai_store_up"]) == (1, 0, 1)


async def test_no_studio_account_or_token_is_told(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client, accessToken=CANARY, refreshToken=CANARY, accountId="the-darkroom")
    await client.post("/api/sync/google")
    await ansel.worker.drain()
    await client.put("/api/connections/google")
    text = (await client.get("/metrics")).text
    assert not [each for each in ("canary", "default", "darkroom", "simulated") if each in text.lower()]


async def test_it_is_text_in_the_format_that_the_scraper_accepts(client: httpx.AsyncClient) -> None:
    plain = await client.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["cache-control"] == "no-store"
    headers = [("Accept", "application/openmetrics-text;version=1.0.0"), ("Accept", "text/plain;version=0.0.4;q=0.3")]
    modern = await client.get("/metrics", headers=headers)
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")


async def test_a_head_has_the_headers_of_a_get_and_no_body(client: httpx.AsyncClient) -> None:
    head = await client.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 1000


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_it_can_only_be_read(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/metrics")
    assert refusal(response) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_another_sites_name_is_refused(app: Starlette, ansel: Ansel) -> None:
    for each in (app, build_metrics_app(ansel)):
        reply = await ask(each, "GET", "/metrics", headers=[(b"host", b"photos.example")])
        assert (reply.status, reply.headers["content-type"]) == (421, "application/json")


async def test_errors_of_the_api_are_counted_by_code(client: httpx.AsyncClient) -> None:
    for path in ("/api/connections/google", "/api/connections/google", "/api/connections/myspace", "/api/nothing"):
        await client.get(path)
    await client.get("/nothing-here")  # a page, not the API
    found = await scraped(client)
    counted = {name: value for name, value in found.items() if name.startswith("anselai_api_errors")}
    assert counted == {
        "anselai_api_errors_total{code=CONNECTION_NOT_FOUND}": 2,
        "anselai_api_errors_total{code=UNKNOWN_PLATFORM}": 1,
        "anselai_api_errors_total{code=NOT_FOUND}": 1,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OfAPlugIn("The platform is busy."), "PLATFORM_UNAVAILABLE"),
        (RuntimeError(CANARY), "INTERNAL_ERROR"),
        (StoreUnavailable(), "STORE_UNAVAILABLE"),
    ],
)
async def test_a_code_that_is_none_of_ours_is_counted_as_that_of_its_kind(
    ansel: Ansel, error: Exception, code: str
) -> None:
    app = build_app(failing(ansel, error))
    await ask(app, "GET", "/api/connections")
    found = samples((await ansel.monitoring.scrape()).text.decode())
    assert {name for name in found if "api_errors" in name} == {f"anselai_api_errors_total{{code={code}}}"}


async def test_while_the_database_is_away_this_process_still_tells_of_itself(
    client: httpx.AsyncClient, ansel: Ansel
) -> None:
    await connect(client)
    await client.post("/api/sync/google")
    await ansel.worker.drain()
    reply = await ask(build_app(failing(ansel, StoreUnavailable())), "GET", "/metrics")
    found = samples(reply.body.decode())
    assert (reply.status, found["anselai_store_up"], found[SUCCEEDED]) == (200, 0, 1)
    assert "anselai_sync_jobs{state=due}" not in found


async def test_a_database_that_is_silent_holds_up_no_scrape(ansel: Ansel) -> None:
    silent = cast("Any", Hanging())
    monitoring = replace(ansel.monitoring, jobs=silent, workers=silent, limit=timedelta(seconds=0.05))
    began = time.monotonic()
    reply = await ask(build_app(replace(ansel, monitoring=monitoring)), "GET", "/metrics")
    assert time.monotonic() - began < 1
    assert (reply.status, samples(reply.body.decode())["anselai_store_up"]) == (200, 0)


async def test_the_daemons_own_port_has_the_figures_and_nothing_else(ansel: Ansel) -> None:
    app = build_metrics_app(ansel)
    reply = await ask(app, "GET", "/metrics", headers=JSON)
    assert (reply.status, samples(reply.body.decode())["anselai_store_up"]) == (200, 1)
    for path in ("/", "/api/connections", "/static/anselai.css"):
        assert (await ask(app, "GET", path, headers=[*JSON, BEARER])).status == 404
        assert (await ask(app, "GET", path, known=False)).status == 401
    assert (await ask(app, "GET", "/metrics", known=False)).status == 401
