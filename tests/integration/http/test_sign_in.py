"""Signing in to the dashboard: by the link, by a key; staying in, and getting out."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from anselai.adapters.memory.ended_sessions import MemoryEndedSessions
from anselai.application.ansel import Ansel
from anselai.application.authentication import KNOWN_FOR
from anselai.domain.errors import StoreUnavailable
from anselai.domain.secret import Secret
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.doors import Doors, Limits
from anselai.entrypoints.http.one_time_code import GOOD_FOR, OneTimeCode
from anselai.entrypoints.http.session import LASTS, UNUSED_FOR
from tests.fakes import FakeClock
from tests.integration.http.asking import BEARER, KEY, Failing, ask, form_token, sign_in
from tests.integration.http.reading_html import Page, look, submit

ADDRESS = "http://127.0.0.1:3200"
HOST = (b"host", b"127.0.0.1:3200")
OURS = ["/", "/sync", "/sync?outcome=failed&cursor=MQ", "/connections/google/connect", "/a//b", "/%2F/evil.example"]
NOT_OURS = [
    "",
    "sync",
    "//evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/a\r\nSet-Cookie: a=b",
    "/é",
    "/" + "x" * 2000,
]


@pytest.fixture
def code(clock: FakeClock) -> OneTimeCode:
    return OneTimeCode(clock=clock)


@pytest.fixture
async def app(ansel: Ansel, code: OneTimeCode) -> AsyncIterator[Starlette]:
    app = build_app(ansel, sign_in_code=code)
    async with app.router.lifespan_context(app):
        yield app


def ends_nothing(ansel: Ansel) -> Ansel:
    """The same, which cannot end a session, since its database takes no writes."""

    class EndsNothing(MemoryEndedSessions):
        end = cast("Any", Failing(StoreUnavailable())).end

    memory = cast("MemoryEndedSessions", ansel.ended_sessions)
    return replace(ansel, ended_sessions=EndsNothing(store=memory.store))


def another(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ADDRESS)


async def by_key(browser: httpx.AsyncClient, key: str, address: str = "/sign-in") -> httpx.Response:
    return await submit(browser, await look(browser, address), "/sign-in", apiKey=key)


@pytest.mark.parametrize("path", ["/", "/connections", "/sync?outcome=failed", "/nothing-here"])
async def test_a_page_leads_whoever_is_not_known_to_the_sign_in_and_back(
    stranger: httpx.AsyncClient, path: str
) -> None:
    led = await stranger.get(path)
    assert led.status_code == 303
    page = await look(stranger, led.headers["location"])
    assert (page.status, page.form("/sign-in").fields["next"]) == (200, path)
    answer = await submit(stranger, page, "/sign-in", apiKey=KEY.reveal())
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert (await stranger.get("/connections")).status_code == 200


async def test_what_is_posted_without_a_session_is_led_there_too_and_changes_nothing(
    stranger: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await client.post("/connections/google/connect", data={"accessToken": "access-1"})
    led = await stranger.post("/connections/google/remove")
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?done=nothing")
    assert "Nothing was done" in (await look(stranger, led.headers["location"])).words
    assert (await client.get("/api/connections/google")).status_code == 200


async def test_the_cookie_is_for_us_alone(stranger: httpx.AsyncClient) -> None:
    answer = await by_key(stranger, KEY.reveal())
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("anselai-3200=")
    assert cookie.endswith("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict")
    assert KEY.reveal() not in cookie


@pytest.mark.parametrize("key", ["", "wrong", "ansel_" + "0" * 32 + "_" + "a" * 43, "\udcff", "x" * 5000])
async def test_a_key_that_opens_nothing_is_told_so_and_not_repeated(stranger: httpx.AsyncClient, key: str) -> None:
    form = {"formToken": form_token((await stranger.get("/sign-in")).text), "apiKey": key.encode("utf-8", "ignore")}
    page = Page(await stranger.post("/sign-in", data=form))
    assert (page.status, "This key opens nothing." in page.words) == (401, True)
    assert len(key) < 5 or key not in page.html
    assert (await stranger.get("/connections")).status_code == 303


async def test_a_key_of_another_studio_shows_that_studio(stranger: httpx.AsyncClient, ansel: Ansel) -> None:
    await ansel.connections.save_connection("google", access_token="access-1", account_id="of-default")
    await ansel.access.add_studio("darkroom")
    await ansel.connections.save_connection(
        "meta", access_token="access-1", account_id="of-darkroom", studio="darkroom"
    )
    _, text = await ansel.access.create_key("theirs", studio="darkroom")
    await by_key(stranger, text.reveal())
    page = await look(stranger, "/connections")
    assert ("of-darkroom" in page.words, "of-default" in page.words) == (True, False)


async def test_a_key_that_reads_may_look_and_sign_out_and_change_nothing(
    stranger: httpx.AsyncClient, ansel: Ansel
) -> None:
    await ansel.connections.save_connection("google", access_token="access-1")
    _, text = await ansel.access.create_key("reader", scopes=["read"])
    await by_key(stranger, text.reveal())
    refused = await submit(stranger, await look(stranger, "/connections"), "/connections/google/test")
    assert (refused.status_code, "FORBIDDEN" in refused.text) == (403, True)
    assert (await submit(stranger, await look(stranger, "/sync"), "/sign-out")).status_code == 303


async def test_a_revoked_key_ends_the_sessions_that_it_began(stranger: httpx.AsyncClient, ansel: Ansel) -> None:
    view, text = await ansel.access.create_key("soon gone")
    await by_key(stranger, text.reveal())
    assert (await stranger.get("/sync")).status_code == 200
    await ansel.access.revoke_key(view.id)
    assert (await stranger.get("/sync")).status_code == 303
    assert (await stranger.get("/sign-in")).status_code == 200


async def test_another_key_in_the_settings_ends_the_sessions_of_the_one_before(
    stranger: httpx.AsyncClient, ansel: Ansel
) -> None:
    await by_key(stranger, KEY.reveal())
    for key in (Secret(KEY.reveal() + "-2"), None):
        changed = replace(ansel.access.authenticator, configured_key=key)
        other = build_app(replace(ansel, access=replace(ansel.access, authenticator=changed)))
        cookie = (b"cookie", f"anselai-3200={stranger.cookies['anselai-3200']}".encode())
        assert (await ask(other, "GET", "/sync", headers=[HOST, cookie], known=False)).status == 303


async def test_a_link_signs_in_once_by_its_button(
    stranger: httpx.AsyncClient, code: OneTimeCode, app: Starlette
) -> None:
    link = f"/sign-in/{code.issue().reveal()}"
    for _ in range(3):  # as programs do that look at links before a person does
        await look(stranger, link)
    page = await look(stranger, link)
    answer = await submit(stranger, page, link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Sign out" in (await look(stranger, "/")).words
    async with another(app) as thief:
        refused = Page(await submit(thief, await look(thief, link), link))
        assert (refused.status, "This link was used before" in refused.words) == (401, True)
        assert "anselai keys api create" in refused.words
        assert (await thief.get("/")).status_code == 303


async def test_a_link_is_good_for_a_quarter_of_an_hour(
    stranger: httpx.AsyncClient, code: OneTimeCode, clock: FakeClock
) -> None:
    link = f"/sign-in/{code.issue().reveal()}"
    page = await look(stranger, link)
    clock.advance(GOOD_FOR)
    assert (await submit(stranger, page, link)).status_code == 401


async def test_a_link_that_comes_too_often_is_as_good_after_the_wait(
    ansel: Ansel, code: OneTimeCode, clock: FakeClock
) -> None:
    limits = Limits(requests_of_a_key=1, requests_of_a_key_per_second=1.0)
    app = build_app(ansel, sign_in_code=code, doors=Doors(limits=limits))
    async with another(app) as before, another(app) as browser:
        link = f"/sign-in/{code.issue().reveal()}"
        await submit(before, await look(before, link), link)
        link = f"/sign-in/{code.issue().reveal()}"
        page = await look(browser, link)
        assert (await submit(browser, page, link)).status_code == 429
        clock.advance(timedelta(seconds=1))
        assert (await submit(browser, page, link)).status_code == 303


async def test_nor_is_one_used_up_while_the_session_before_cannot_be_ended(
    stranger: httpx.AsyncClient, ansel: Ansel, code: OneTimeCode
) -> None:
    await by_key(stranger, KEY.reveal())
    link = f"/sign-in/{code.issue().reveal()}"
    page, kept = await look(stranger, link), stranger.cookies["anselai-3200"]
    async with another(build_app(ends_nothing(ansel), sign_in_code=code)) as browser:
        browser.cookies.set("anselai-3200", kept)
        refused = await submit(browser, page, link)
        assert (refused.status_code, "set-cookie" in refused.headers) == (503, False)
    assert (await submit(stranger, page, link)).status_code == 303


async def test_a_wrong_code_leaves_the_session_as_it_is(client: httpx.AsyncClient, code: OneTimeCode) -> None:
    code.issue()
    page = await look(client, "/sign-in/x")
    assert (await submit(client, page, "/sign-in/x")).status_code == 401
    assert (await client.get("/sync")).status_code == 200


@pytest.mark.parametrize("text", ["x", "A" * 32, "%00", "é", "ansel"])
async def test_a_code_that_was_not_given_signs_nobody_in(
    stranger: httpx.AsyncClient, code: OneTimeCode, text: str
) -> None:
    code.issue()
    page = await look(stranger, f"/sign-in/{text}")
    form = {"formToken": form_token(page.html)}
    assert (await stranger.post(f"/sign-in/{text}", data=form)).status_code == 401
    assert (await stranger.get("/")).status_code == 303


async def test_without_a_link_that_was_printed_there_is_none(ansel: Ansel) -> None:
    async with another(build_app(ansel)) as browser:
        page = await look(browser, "/sign-in/x")
        assert (await submit(browser, page, "/sign-in/x")).status_code == 401


async def test_signing_in_begins_a_new_session_and_signing_out_ends_it(
    stranger: httpx.AsyncClient, app: Starlette
) -> None:
    await stranger.get("/sign-in")
    before = stranger.cookies["anselai-3200"]
    await by_key(stranger, KEY.reveal())
    during = stranger.cookies["anselai-3200"]
    assert before.split(".")[1] != during.split(".")[1]
    out = await submit(stranger, await look(stranger, "/sync"), "/sign-out")
    assert out.headers["location"] == "/sign-in?done=out"
    assert "anselai-3200" not in stranger.cookies
    assert "You are signed out." in (await look(stranger, "/sign-in?done=out")).words
    async with another(app) as thief:
        thief.cookies.set("anselai-3200", during)
        assert (await thief.get("/sync")).status_code == 303


async def sees_pages(app: Starlette, cookie: str) -> bool:
    """Whether somebody does who kept a copy of the cookie."""
    headers = [HOST, (b"cookie", f"anselai-3200={cookie}".encode())]
    return (await ask(app, "GET", "/sync", headers=headers, known=False)).status == 200


async def test_a_session_that_was_signed_out_is_good_for_nothing_in_another_process_either(
    stranger: httpx.AsyncClient, ansel: Ansel, clock: FakeClock
) -> None:
    used_there, unused_there = build_app(ansel), build_app(ansel)
    await by_key(stranger, KEY.reveal())
    kept = stranger.cookies["anselai-3200"]
    assert await sees_pages(used_there, kept)
    await submit(stranger, await look(stranger, "/sync"), "/sign-out")
    assert not await sees_pages(unused_there, kept)
    clock.advance(timedelta(seconds=KNOWN_FOR))
    assert not await sees_pages(used_there, kept)


async def test_signing_in_again_ends_the_session_before(
    stranger: httpx.AsyncClient, ansel: Ansel, app: Starlette
) -> None:
    view, text = await ansel.access.create_key("soon gone")
    await by_key(stranger, text.reveal())
    kept = stranger.cookies["anselai-3200"]
    token = form_token((await stranger.get("/sync")).text)
    await stranger.post("/sign-in", data={"formToken": token, "apiKey": KEY.reveal()})
    assert await sees_pages(app, stranger.cookies["anselai-3200"])
    assert not await sees_pages(app, kept)
    assert (await ansel.access.authenticate(text)).key_id == view.id, "the key itself is as good as before"


async def test_nobody_is_told_to_be_signed_out_while_the_database_is_away(
    stranger: httpx.AsyncClient, ansel: Ansel
) -> None:
    away = cast("Any", Failing(StoreUnavailable()))
    await by_key(stranger, KEY.reveal())
    kept = stranger.cookies["anselai-3200"]
    token = form_token((await stranger.get("/sync")).text)
    async with another(build_app(ends_nothing(ansel))) as browser:
        browser.cookies.set("anselai-3200", kept)
        refused = await browser.post("/sign-out", data={"formToken": token})
        assert (refused.status_code, "set-cookie" in refused.headers) == (503, False)
        assert (await browser.get("/sync")).status_code == 200
    assert [each.action for each in (await ansel.access.audit()).entries] == ["signed.in"]
    without = build_app(replace(ansel, ended_sessions=away))
    cookie = (b"cookie", f"anselai-3200={kept}".encode())
    assert (await ask(without, "GET", "/sync", headers=[HOST, cookie], known=False)).status == 503
    assert (await ask(without, "GET", "/sign-in", headers=[HOST], known=False)).status == 200, "nothing to ask for yet"


async def test_a_session_ends_when_it_is_not_used_and_lasts_when_it_is(
    client: httpx.AsyncClient, clock: FakeClock
) -> None:
    first = client.cookies["anselai-3200"]
    clock.advance(UNUSED_FOR - timedelta(seconds=1))
    assert (await client.get("/sync")).status_code == 200
    assert client.cookies["anselai-3200"] != first, "it says that it was seen"
    clock.advance(UNUSED_FOR - timedelta(seconds=1))
    assert (await client.get("/sync")).status_code == 200
    clock.advance(UNUSED_FOR)
    assert (await client.get("/sync")).status_code == 303


async def test_no_session_lasts_longer_than_it_may_however_much_it_is_used(
    client: httpx.AsyncClient, clock: FakeClock
) -> None:
    for _ in range(29):
        clock.advance(timedelta(days=1))
        assert (await client.get("/sync")).status_code == 200
    clock.advance(LASTS - timedelta(days=29))
    assert (await client.get("/sync")).status_code == 303


async def test_a_cookie_that_was_changed_is_none(client: httpx.AsyncClient, app: Starlette, ansel: Ansel) -> None:
    cookie = client.cookies["anselai-3200"]
    version, session, who, began, seen, signature = cookie.split(".")
    forged = [
        "",
        ".....",
        cookie[:-1],
        cookie + "x",
        f"{version}.{session}.link.{began}.{seen}.{signature}",
        f"{version}.{session}.{who}.9999999999.{seen}.{signature}",
        ".".join([version, session, who, began, seen, ansel.signer.sign("form", session)]),
        f"{version}.{session}.{who}.{began}.{seen}.",
        "é" * 50,
    ]
    for text in forged:
        headers = [HOST, (b"cookie", b"anselai-3200=" + text.encode())]
        assert (await ask(app, "GET", "/sync", headers=headers, known=False)).status == 303
    both = [HOST, (b"cookie", f"a=b; anselai-3200=forged; anselai-3200={cookie}".encode())]
    assert (await ask(app, "GET", "/sync", headers=both, known=False)).status == 200


@pytest.mark.parametrize("address", OURS)
async def test_after_signing_in_one_goes_on_to_an_address_of_ours(stranger: httpx.AsyncClient, address: str) -> None:
    form = {"formToken": form_token((await stranger.get("/sign-in")).text), "apiKey": KEY.reveal(), "next": address}
    assert (await stranger.post("/sign-in", data=form)).headers["location"] == address


@pytest.mark.parametrize("address", NOT_OURS)
async def test_and_to_no_other(stranger: httpx.AsyncClient, address: str) -> None:
    form = {"formToken": form_token((await stranger.get("/sign-in")).text), "apiKey": KEY.reveal(), "next": address}
    assert (await stranger.post("/sign-in", data=form)).headers["location"] == "/"
    assert (await stranger.get("/sign-in", params={"next": address})).headers["location"] == "/"


async def test_a_link_of_another_site_leads_in_although_the_browser_held_the_cookie_back(
    stranger: httpx.AsyncClient,
) -> None:
    page = Page(await stranger.get("/sync?outcome=failed", headers={"sec-fetch-site": "cross-site"}))
    assert page.status == 200
    assert {"http-equiv": "refresh", "content": "0;url=/sync?outcome=failed"} in page.all("meta")
    assert page.links[-1] == "/sync?outcome=failed"
    assert (await stranger.post("/sync/google/daily/run", headers={"sec-fetch-site": "cross-site"})).status_code == 403


async def test_a_key_is_no_session_and_a_session_no_key(client: httpx.AsyncClient, app: Starlette) -> None:
    assert (await ask(app, "GET", "/sync", headers=[HOST, BEARER], known=False)).status == 303
    cookie = (b"cookie", f"anselai-3200={client.cookies['anselai-3200']}".encode())
    assert (await ask(app, "GET", "/api/connections", headers=[HOST, cookie], known=False)).status == 401


async def test_whoever_signed_in_need_not_again(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sign-in?next=/sync")).headers["location"] == "/sync"


async def test_two_on_one_machine_do_not_sign_each_other_out(ansel: Ansel) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(ansel)), base_url=ADDRESS) as first:
        await sign_in(first)
        names = {cookie.name for cookie in first.cookies.jar}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=build_app(ansel)), base_url="http://127.0.0.1:3300"
    ) as second:
        await sign_in(second)
        assert names.isdisjoint({cookie.name for cookie in second.cookies.jar})


async def test_signing_in_and_out_is_in_the_audit_log(stranger: httpx.AsyncClient, ansel: Ansel) -> None:
    await by_key(stranger, KEY.reveal())
    await submit(stranger, await look(stranger, "/sync"), "/sign-out")
    signed_out, signed_in, *_ = (await ansel.access.audit()).entries
    assert (signed_in.action, signed_in.actor, signed_in.address) == ("signed.in", "key ANSELAI_API_KEY", "127.0.0.1")
    assert (signed_out.action, signed_out.actor) == ("signed.out", "key ANSELAI_API_KEY")
    assert signed_in.request_id


async def test_the_link_opened_again_by_whom_it_signed_in_leads_to_the_overview(
    stranger: httpx.AsyncClient, code: OneTimeCode
) -> None:
    link = f"/sign-in/{code.issue().reveal()}"
    await submit(stranger, await look(stranger, link), link)
    again = await stranger.get(link)
    assert (again.status_code, again.headers["location"]) == (303, "/")


async def test_only_who_is_signed_in_is_shown_the_ways_that_need_it(stranger: httpx.AsyncClient) -> None:
    assert "Connections" not in (await look(stranger, "/sign-in")).words
    await by_key(stranger, KEY.reveal())
    assert "Connections" in (await look(stranger, "/sync")).words
