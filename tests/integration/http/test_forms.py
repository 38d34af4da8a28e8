"""The forms and buttons of the dashboard, as they are sent without JavaScript."""

from datetime import timedelta

import httpx
import pytest

from tests.fakes import FakeClock
from tests.integration.http.asking import connect
from tests.integration.http.reading_html import Page, look, submit

CANARY = "canary-4711.token"


async def test_a_platform_is_connected_by_a_form(client: httpx.AsyncClient) -> None:
    form = await look(client, "/connections/google/connect")
    tokens = [each for each in form.all("input") if each["name"] in ("accessToken", "refreshToken")]
    assert [(each["type"], each["autocomplete"]) for each in tokens] == [("password", "off")] * 2
    sent = await submit(
        client,
        form,
        "/connections/google/connect",
        accessToken=f"  {CANARY} ",
        refreshToken=CANARY,
        accountId="studio-7",
        tokenExpiresAt="2026-06-01T09:30",
        scopes="read, stats  write",
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/connections?done=connected")
    connection = (await client.get("/api/connections/google")).json()["data"]
    assert (connection["accountId"], connection["scopes"]) == ("studio-7", ["read", "stats", "write"])
    assert connection["tokenExpiresAt"] == "2026-06-01T09:30:00Z"
    after = await look(client, sent.headers["location"])
    assert "Connected. The first syncs are planned" in after.words
    assert CANARY not in after.html
    test = await client.post("/connections/google/test")
    assert "The test succeeded" in test.text, "the white space around a pasted token does not count"


async def test_only_the_access_token_is_needed(client: httpx.AsyncClient) -> None:
    form = await look(client, "/connections/pinterest/connect")
    sent = await submit(client, form, "/connections/pinterest/connect", accessToken="token")
    assert sent.status_code == 303
    connection = (await client.get("/api/connections/pinterest")).json()["data"]
    assert (connection["accountId"], connection["scopes"], connection["hasRefreshToken"]) == (None, [], False)


async def test_problems_are_told_at_their_fields_and_what_is_no_secret_stays(client: httpx.AsyncClient) -> None:
    form = await look(client, "/connections/google/connect")
    sent = await submit(
        client,
        form,
        "/connections/google/connect",
        accessToken="",
        refreshToken=CANARY + "x" * 9000,
        accountId="<b>me</b>",
        scopes="read " + "s" * 300,
    )
    page = Page(sent)
    assert page.status == 422
    assert "Nothing was saved yet" in page.words
    assert "Access token must not be empty." in page.words
    assert "Refresh token must have at most 8192 characters." in page.words
    assert "Each scope must have 1 to 256 printable characters." in page.words
    invalid = [each["id"] for each in page.all("input") if each.get("aria-invalid")]
    assert invalid == ["accessToken", "refreshToken", "scopes"]
    again = page.form("/connections/google/connect").fields
    assert again["accountId"] == "<b>me</b>"
    assert again["accessToken"] == again["refreshToken"] == ""
    assert page.all("b") == []
    assert CANARY not in page.html
    assert (await client.get("/api/connections")).json()["data"] == []


@pytest.mark.parametrize("expiry", ["soon", "2026-02-30T12:00", "0001-01-01T00:00", "9999-12-31T23:59-12:00"])
async def test_an_expiry_that_is_none_is_told_at_its_field(client: httpx.AsyncClient, expiry: str) -> None:
    form = await look(client, "/connections/google/connect")
    sent = await submit(client, form, "/connections/google/connect", accessToken="token", tokenExpiresAt=expiry)
    page = Page(sent)
    assert page.status == 422
    assert "Expiry must be a date and a time in UTC" in page.words
    assert page.form("/connections/google/connect").fields["tokenExpiresAt"] == expiry


async def test_a_connection_gets_new_tokens_by_the_same_form(client: httpx.AsyncClient, clock: FakeClock) -> None:
    await connect(client, refreshToken="keep", accountId="studio-7", tokenExpiresAt="2026-05-20T12:30:00Z")
    clock.advance(timedelta(hours=1))
    form = await look(client, "/connections/google/connect")
    assert form.form("/connections/google/connect").fields["accountId"] == "studio-7"
    sent = await submit(client, form, "/connections/google/connect", accessToken=CANARY)
    assert sent.headers["location"] == "/connections?done=replaced"
    connection = (await client.get("/api/connections/google")).json()["data"]
    assert (connection["status"], connection["hasRefreshToken"], connection["accountId"]) == (
        "active",
        True,
        "studio-7",
    )


async def test_a_test_tells_its_result_on_the_page(client: httpx.AsyncClient, clock: FakeClock) -> None:
    await connect(client, "google")
    await connect(client, "meta", tokenExpiresAt="2026-05-20T12:30:00Z")
    clock.advance(timedelta(hours=1))
    page = await look(client, "/connections")
    good = Page(await submit(client, page, "/connections/google/test"))
    assert "The test succeeded (simulated)." in good.words
    bad = Page(await submit(client, page, "/connections/meta/test"))
    assert "The test failed (simulated). The access token expired on 2026-05-20 12:30 UTC. Connect again." in bad.words


async def test_a_token_is_refreshed_by_a_button_where_that_is_possible(client: httpx.AsyncClient) -> None:
    await connect(client, "google", refreshToken="refresh-1")
    await connect(client, "meta")  # exchanges its access token
    await connect(client, "pinterest")
    page = await look(client, "/connections")
    assert [each.action for each in page.forms if "refresh" in each.action] == [
        "/connections/google/refresh",
        "/connections/meta/refresh",
    ]
    sent = await submit(client, page, "/connections/google/refresh")
    assert (sent.status_code, sent.headers["location"]) == (303, "/connections?done=refreshed")
    refused = Page(await client.post("/connections/pinterest/refresh"))
    assert (refused.status, "No refresh token is stored for pinterest." in refused.words) == (409, True)
    assert "/connections" in refused.links


async def test_a_connection_is_removed_after_a_second_look(client: httpx.AsyncClient) -> None:
    await connect(client)
    page = await look(client, "/connections/google/remove")
    assert "Remove Google?" in page.words
    sent = await submit(client, page, "/connections/google/remove")
    assert (sent.status_code, sent.headers["location"]) == (303, "/connections?done=removed")
    assert (await client.get("/connections/google/remove")).status_code == 404
    assert (await client.post("/connections/google/remove")).status_code == 404


async def test_a_sync_is_started_by_a_button(client: httpx.AsyncClient) -> None:
    await connect(client)
    page = await look(client, "/sync")
    first = await submit(client, page, "/sync/google/weekly/run")
    again = await submit(client, page, "/sync/google/weekly/run")
    assert [each.headers["location"] for each in (first, again)] == ["/sync?done=queued", "/sync?done=already"]
    assert "The sync is queued" in (await look(client, "/sync?done=queued")).words


async def test_a_schedule_is_paused_and_resumed_by_buttons(client: httpx.AsyncClient) -> None:
    await connect(client)
    sent = await submit(client, await look(client, "/sync"), "/sync/google/daily/pause")
    assert sent.headers["location"] == "/sync?done=paused"
    page = await look(client, "/sync?done=paused")
    assert "The schedule is paused." in page.words
    assert "Paused switched off by a person" in page.words
    assert not [each for each in page.forms if each.action == "/sync/google/daily/pause"]
    sent = await submit(client, page, "/sync/google/daily/resume")
    assert sent.headers["location"] == "/sync?done=resumed"
    assert (await look(client, "/sync")).form("/sync/google/daily/pause").method == "post"


async def test_a_schedule_is_changed_by_a_form(client: httpx.AsyncClient) -> None:
    await connect(client)
    address = "/sync/google/weekly/schedule"
    form = await look(client, address)
    assert {"value": "America/New_York"} in form.all("option")
    sent = await submit(client, form, address, cron="0 7 * * mon", timezone="America/New_York", catchUp="skip")
    assert sent.headers["location"] == "/sync?done=scheduled"
    again = await look(client, address)
    shown = {"cron": "0 7 * * mon", "timezone": "America/New_York", "catchUp": "skip"}
    assert again.form(address).fields == {**shown, "formToken": form.form(address).fields["formToken"]}


async def test_a_wrong_schedule_is_told_at_its_field_and_stays_in_the_form(client: httpx.AsyncClient) -> None:
    await connect(client)
    address = "/sync/google/weekly/schedule"
    form = await look(client, address)
    page = Page(await submit(client, form, address, cron="every <monday>"))
    assert page.status == 422
    assert "The cron must have five fields" in page.words
    assert page.form(address).fields["cron"] == "every <monday>"
    page = Page(await submit(client, form, address, timezone="Berlin"))
    assert "The time zone must be an IANA time zone" in page.words
    page = Page(await client.post(address, data={}))
    assert page.status == 422


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"accessToken=%FF", "application/x-www-form-urlencoded", 400),
        (b"accessToken=\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(100)), "application/x-www-form-urlencoded", 400),
        (b'{"accessToken": "token"}', "application/json", 415),
        (b"x" * (1024 * 1024 + 1), "application/x-www-form-urlencoded", 413),
    ],
)
async def test_a_form_that_no_browser_sends_is_refused(
    client: httpx.AsyncClient, body: bytes, content_type: str, status: int
) -> None:
    response = await client.post("/connections/google/connect", content=body, headers={"content-type": content_type})
    assert Page(response).status == status


async def test_a_platform_that_exchanges_its_token_is_not_asked_for_another(client: httpx.AsyncClient) -> None:
    form = await look(client, "/connections/meta/connect")
    assert "refreshToken" not in [each["name"] for each in form.all("input")]
    assert "a token without an expiry is never exchanged by itself" in form.words
    assert "exchange" not in (await look(client, "/connections/google/connect")).words
