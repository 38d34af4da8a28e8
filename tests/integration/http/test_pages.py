"""The dashboard, as a person without JavaScript uses it."""

from datetime import timedelta

import httpx
import pytest

from anselai.application.ansel import Ansel
from anselai.domain.errors import StoreUnavailable
from anselai.entrypoints.http.app import build_app
from tests.fakes import FakeClock
from tests.integration.http.asking import ask, connect, failing
from tests.integration.http.reading_html import Page, look

CANARY = "canary-4711.token"
PAGES = [
    "/",
    "/connections",
    "/connections/google/connect",
    "/connections/meta/connect",
    "/connections/google/remove",
    "/sync",
    "/sync/google/daily/schedule",
    "/sync/google/explain",
    "/nothing-here",
]


@pytest.mark.parametrize("address", PAGES)
async def test_every_page_is_sound(client: httpx.AsyncClient, ansel: Ansel, address: str) -> None:
    await connect(client)
    await client.post("/api/sync/google")
    await ansel.worker.drain()
    page = await look(client, address)
    assert page.html.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    assert "AnselAI — Photography Business Intelligence" in page.words
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert page.links[0] == "#content"
    assert {"/", "/connections", "/sync"} <= set(page.links)
    assert page.all("script") == page.all("style") == []
    assert not any("style" in given or any(name.startswith("on") for name in given) for _, given in page.tags)
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    labelled = {each["for"] for each in page.all("label")}
    fields = [each for each in [*page.all("input"), *page.all("select")] if each.get("type") != "hidden"]
    assert {each["id"] for each in fields} == labelled
    described = {word for _, given in page.tags for word in given.get("aria-describedby", "").split()}
    assert described <= set(ids)
    linked = [each["href"] for each in page.all("link")]
    assert all(each.startswith("/static/") for each in linked)
    for each in linked:
        assert (await client.get(each)).status_code == 200


async def test_every_link_leads_somewhere(client: httpx.AsyncClient) -> None:
    await connect(client)
    for address in PAGES:
        for link in (await look(client, address)).links:
            assert link.startswith(("/", "#"))
            assert (await client.get(link)).status_code == 200, link


async def test_before_anything_is_connected_each_page_says_what_to_do(client: httpx.AsyncClient) -> None:
    overview = await look(client, "/")
    assert "Nothing is connected yet. Choose a platform below and connect it" in overview.words
    assert "There are no figures in these days yet. Connect a platform first." in overview.words
    assert "/connections/tiktok/connect" in overview.links
    assert "Nothing is connected yet." in (await look(client, "/connections")).words
    sync = await look(client, "/sync")
    assert "Nothing is scheduled, since nothing is connected." in sync.words
    assert "The log is empty." in sync.words


async def test_a_card_tells_the_status_of_its_platform(client: httpx.AsyncClient, clock: FakeClock) -> None:
    await connect(client, "google", accountId="studio-7")
    await connect(client, "meta", tokenExpiresAt="2026-05-20T12:30:00Z")
    await connect(client, "tiktok", accessToken="not well formed")
    await client.post("/api/connections/tiktok/test")
    clock.advance(timedelta(hours=1))
    for address in ("/", "/connections"):
        page = await look(client, address)
        assert page.words.index("Connected") < page.words.index("Expired") < page.words.index("Not connected")
        assert "Not connected" in page.words
        assert "The access token is not well-formed." in page.words
        assert "studio-7" in page.words


async def test_every_page_says_that_the_clients_are_stubs(client: httpx.AsyncClient) -> None:
    for address in ("/", "/connections", "/sync"):
        assert (
            "Simulated: the clients for Google, Meta, Pinterest, TikTok are stubs."
            in (await look(client, address)).words
        )


async def test_a_missing_scheduler_is_told(client: httpx.AsyncClient, ansel: Ansel) -> None:
    assert "No scheduler is running" in (await look(client, "/sync")).words
    await ansel.scheduler.workers.beat(ansel.worker.id, "darkroom", 4711)
    assert "No scheduler is running" not in (await look(client, "/sync")).words


async def test_stalled_runs_and_the_last_beat_of_each_daemon_are_shown(
    client: httpx.AsyncClient, ansel: Ansel, clock: FakeClock
) -> None:
    await connect(client)
    await client.post("/api/sync/google")
    await ansel.scheduler.jobs.claim(ansel.worker.id, 1, timedelta(minutes=1))
    page = await look(client, "/sync")
    assert "1 running, 0 queued." in page.words
    assert "1 stalled" not in page.words
    clock.advance(timedelta(minutes=1))
    await ansel.scheduler.workers.beat(ansel.worker.id, "darkroom", 4711)
    page = await look(client, "/sync")
    assert "0 running, 0 queued. 1 stalled" in page.words
    assert "darkroom 4711 20 May 2026, 12:01 UTC just now 20 May 2026, 12:01 UTC just now" in page.words


async def test_schedules_are_shown_with_their_runs_and_their_jobs(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    body = {"frequency": "daily", "cron": "30 6 * * *", "timezone": "Europe/Berlin"}
    await client.put("/api/sync/google/schedule", json=body)
    await client.post("/api/sync/google", json={"frequency": "daily"})
    await ansel.worker.drain()
    await client.post("/api/sync/google", json={"frequency": "hourly"})
    page = await look(client, "/sync")
    assert "0 running, 1 queued, of which 1 due, the oldest since 20 May 2026, 12:00 UTC just now." in page.words
    assert "Daily account metrics, ad performance 30 6 * * * Europe/Berlin" in page.words
    assert "21 May 2026, 06:30 Europe/Berlin in 16 hours" in page.words
    assert {"datetime": "2026-05-21T04:30:00Z"} in page.all("time")
    assert "succeeded 20 May 2026, 14:00 Europe/Berlin just now" in page.words
    assert "queued" in page.words


async def test_the_log_is_filtered_and_read_on_by_links(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client, "google")
    await connect(client, "meta")
    for _ in range(51):
        await client.post("/api/sync/google")
        await ansel.worker.drain()
    await client.post("/api/sync/meta")
    await ansel.worker.drain()
    page = await look(client, "/sync?platform=google&outcome=&trigger=manual")
    assert page.form("/sync#log").fields == {"platform": "google", "outcome": "", "trigger": "manual"}
    [older] = [each for each in page.links if "cursor=" in each]
    assert older.startswith("/sync?platform=google&trigger=manual&cursor=")
    rest = await look(client, older)
    assert (page.words.count("google daily"), rest.words.count("google daily")) == (50, 1)
    assert "Newest" in rest.words
    assert "Nothing in the log fits." in (await look(client, "/sync?outcome=stalled")).words


async def test_a_filter_that_there_is_not_is_an_error_page(client: httpx.AsyncClient) -> None:
    page = await look(client, "/sync?outcome=wonderful&utm_source=x")
    assert page.status == 422
    assert "outcome must be one of succeeded" in page.words


async def test_what_the_log_says_is_escaped(client: httpx.AsyncClient) -> None:
    await connect(client, accountId="<script>alert(1)</script>", scopes=['"><img src=x>'])
    for address in ("/", "/connections", "/connections/google/connect"):
        page = await look(client, address)
        assert page.all("script") == page.all("img") == []


@pytest.mark.parametrize("done", ["", "nonsense", "<b>you won</b>", "__class__"])
async def test_a_link_cannot_put_words_on_a_page(client: httpx.AsyncClient, done: str) -> None:
    page = Page(await client.get("/connections", params={"done": done}))
    assert page.status == 200
    assert "you won" not in page.words
    assert not [each for each in page.all("p") if each.get("role") == "status"]


@pytest.mark.parametrize(
    "address",
    [
        "/nothing",
        "/connections/myspace/connect",
        "/connections/My Space/connect",
        "/connections/google/",
        "/sync/google/daily/schedule",
        "/sync/google/yearly/schedule",
        "/sync/flickr/explain",
        "/static/../dashboard.py",
        "/static/nothing.css",
        "/static/",
    ],
)
async def test_a_page_that_there_is_not_is_a_page_that_says_so(client: httpx.AsyncClient, address: str) -> None:
    page = await look(client, address)
    assert page.status == 404
    assert "Not found" in page.words
    assert "NOT_FOUND" in page.words or "UNKNOWN_PLATFORM" in page.words


async def test_without_its_store_the_dashboard_stays_friendly(ansel: Ansel) -> None:
    reply = await ask(build_app(failing(ansel, StoreUnavailable())), "GET", "/")
    text = reply.body.decode()
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert "<h1>Not available just now</h1>" in text
    assert "The database does not answer." in text


async def test_static_files_are_kept_by_browsers(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/anselai.css")
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = await client.get("/static/anselai.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "http" not in first.text.replace("http://www.w3.org/2000/svg", "")
