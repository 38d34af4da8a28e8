"""Every form belongs to the session that it was shown to: nothing that is posted without its token does anything."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from anselai.entrypoints.http.resource import Resource
from tests.integration.http.asking import FORM_TYPE, Known, ask, connect, form_token, session_of, sign_in
from tests.integration.http.reading_html import look

HOST = (b"host", b"127.0.0.1:3200")
TYPE = (b"content-type", FORM_TYPE.encode())


def forms_of(app: Starlette) -> list[str]:
    """Every address of a page that something can be posted to."""
    found = []
    for route in app.routes:
        assert isinstance(route, Route)
        assert isinstance(route.app, Resource)
        if "POST" in route.app.handlers and not route.path.startswith("/api"):
            found.append(route.path.format(platform="google", frequency="daily", code="x"))
    return found


async def test_every_form_that_a_page_shows_has_the_token(client: httpx.AsyncClient) -> None:
    await connect(client)
    for address in ("/", "/connections", "/sync", "/connections/google/connect", "/connections/google/remove"):
        forms = [each for each in (await look(client, address)).forms if each.method == "post"]
        assert forms
        assert all(each.fields["formToken"] for each in forms)


async def test_nothing_is_posted_without_a_token_of_the_session(app: Starlette, client: httpx.AsyncClient) -> None:
    await connect(client)
    cookie = await session_of(app, [HOST])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:3200") as other:
        await sign_in(other)
        assert isinstance(other.auth, Known)
        of_another_session = other.auth.token
    before = (await client.get("/api/connections/google")).json()
    addresses = forms_of(app)
    assert len(addresses) >= 9
    for address in addresses:
        for token in ("", "formToken=", "formToken=x", f"formToken={of_another_session}", "formToken=%FF"):
            reply = await ask(app, "POST", address, headers=[HOST, cookie, TYPE], chunks=[token.encode()], known=False)
            assert reply.status in (400, 403, 429), (address, token)
            assert reply.status != 403 or "FORM_EXPIRED" in reply.body.decode()
    assert (await client.get("/api/connections/google")).json() == before
    assert (await client.get("/api/sync/log")).json()["data"]["entries"] == []


async def test_a_token_in_the_address_is_none(client: httpx.AsyncClient, app: Starlette) -> None:
    assert isinstance(client.auth, Known)
    cookie = await session_of(app, [HOST])
    query = f"formToken={client.auth.token}".encode()
    reply = await ask(app, "POST", "/sign-out", query=query, headers=[HOST, cookie, TYPE], known=False)
    assert reply.status == 403


async def test_the_sign_in_form_belongs_to_the_browser_that_got_it(stranger: httpx.AsyncClient) -> None:
    """Otherwise another site could sign somebody in as somebody else."""
    token = form_token((await stranger.get("/sign-in")).text)
    stranger.cookies.clear()
    for form in ({}, {"formToken": token}):
        answer = await stranger.post("/sign-in", data={**form, "apiKey": "x"})
        assert (answer.status_code, "FORM_EXPIRED" in answer.text) == (403, True)


@pytest.mark.parametrize("address", ["/sync", "/connections"])
async def test_the_token_is_the_same_in_every_tab_of_a_session(client: httpx.AsyncClient, address: str) -> None:
    assert isinstance(client.auth, Known)
    assert form_token((await client.get(address)).text) == client.auth.token


async def test_pages_are_not_left_out_by_mistake(app: Starlette) -> None:
    assert {"/sign-in", "/sign-out", "/connections/google/remove", "/sync/google/daily/run"} <= set(forms_of(app))
