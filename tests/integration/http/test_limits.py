"""How much anybody gets: requests at once, requests of a key, attempts to sign in; and when to come back."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from starlette.applications import Starlette
from starlette.types import Message

from anselai.application.ansel import Ansel
from anselai.application.authentication import KNOWN_FOR
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.body import LARGEST_BODY
from anselai.entrypoints.http.doors import Doors, Limits
from tests.fakes import FakeClock
from tests.integration.http.asking import BEARER, FORM_TYPE, JSON, KEY, Reply, ask, form_token

HOST = (b"host", b"127.0.0.1:3200")
NO_ID = UUID(int=0)  # looked up for what is no key at all


def limited(ansel: Ansel, **limits: Any) -> Starlette:
    return build_app(ansel, doors=Doors(limits=Limits(**limits)))


def refused(reply: Reply) -> tuple[int, str, str]:
    return reply.status, json.loads(reply.body)["code"], reply.headers["retry-after"]


async def attempt(app: Starlette, key: str, client: str = "10.0.0.1") -> Reply:
    """Sign in from that address, by the form."""
    page = await ask(app, "GET", "/sign-in", headers=[HOST], known=False, client=client)
    form = f"formToken={form_token(page.body.decode())}&apiKey={key}".encode()
    cookie = page.headers["set-cookie"].partition(";")[0].encode()
    headers = [HOST, (b"cookie", cookie), (b"content-type", FORM_TYPE.encode())]
    return await ask(app, "POST", "/sign-in", headers=headers, chunks=[form], known=False, client=client)


async def test_a_key_asks_no_more_often_than_it_may(ansel: Ansel, clock: FakeClock) -> None:
    app = limited(ansel, requests_of_a_key=3, requests_of_a_key_per_second=0.5)
    for _ in range(3):
        assert (await ask(app, "GET", "/api/nothing")).status == 404
    assert refused(await ask(app, "POST", "/api/connections", chunks=[b"{"])) == (429, "RATE_LIMITED", "2")
    clock.advance(timedelta(seconds=2))
    assert (await ask(app, "GET", "/api/connections")).status == 200
    assert (await ask(app, "GET", "/api/connections")).status == 429


async def test_another_key_is_not_kept_waiting_by_it(ansel: Ansel) -> None:
    app = limited(ansel, requests_of_a_key=1)
    _, text = await ansel.access.create_key("other")
    other = [HOST, (b"authorization", f"Bearer {text.reveal()}".encode())]
    assert (await ask(app, "GET", "/api/connections")).status == 200
    assert (await ask(app, "GET", "/api/connections")).status == 429
    assert (await ask(app, "GET", "/api/connections", headers=other)).status == 200


async def test_whoever_has_no_key_hears_only_that(ansel: Ansel) -> None:
    app = limited(ansel, requests_of_a_key=1)
    for _ in range(5):
        assert (await ask(app, "GET", "/api/connections", known=False)).status == 401


def observed(ansel: Ansel, looked_up: list[object], slow: Mapping[UUID, asyncio.Event] | None = None) -> Ansel:
    """The same, whose keys are looked up as in a database: not at once, and so that it can be counted.

    Those that are slow are found once their event comes.
    """
    find = ansel.access.api_keys.find

    class Observed:
        note_use = ansel.access.api_keys.note_use

        async def find(self, key_id: Any) -> Any:
            looked_up.append(key_id)
            await asyncio.sleep(0)
            if slow and key_id in slow:
                await slow[key_id].wait()
            return await find(key_id)

    door = replace(ansel.access.authenticator, api_keys=cast("Any", Observed()))
    return replace(ansel, access=replace(ansel.access, authenticator=door))


async def by_key(app: Starlette, key: str, client: str = "10.0.0.1", path: str = "/api/connections") -> Reply:
    headers = [HOST, (b"authorization", f"Bearer {key}".encode())]
    return await ask(app, "GET", path, headers=headers, known=False, client=client)


async def test_keys_that_open_nothing_are_counted_by_address_and_then_not_even_looked_up(
    ansel: Ansel, clock: FakeClock
) -> None:
    looked_up: list[object] = []
    app = limited(observed(ansel, looked_up), wrong_keys=3, wrong_keys_per_second=0.5)
    assert [(await by_key(app, f"wrong {n}")).status for n in range(3)] == [401] * 3
    assert refused(await by_key(app, "wrong")) == (429, "TOO_MANY_WRONG_KEYS", "2")
    assert refused(await ask(app, "GET", "/api/x", known=False, client="10.0.0.1"))[0] == 429, "none is a wrong one"
    assert (await by_key(app, "wrong", path="/readyz")).status == 503
    assert len(looked_up) == 3
    assert (await by_key(app, "wrong", client="10.0.0.2")).status == 401
    clock.advance(timedelta(seconds=2))
    assert (await by_key(app, "wrong")).status == 401


async def test_those_that_come_at_once_are_owed(ansel: Ansel) -> None:
    app = limited(observed(ansel, []), wrong_keys=1, wrong_keys_per_second=1.0)
    replies = await asyncio.gather(*(by_key(app, f"wrong {n}") for n in range(9)))
    assert [each.status for each in replies] == [401] * 9
    assert refused(await by_key(app, "wrong")) == (429, "TOO_MANY_WRONG_KEYS", "9")


async def test_a_key_that_opened_from_an_address_is_not_locked_out_by_another_program_there(
    ansel: Ansel, clock: FakeClock
) -> None:
    app = limited(ansel, wrong_keys=2, wrong_keys_per_second=1.0)
    view, made = await ansel.access.create_key("studio")
    for key in (KEY, made):
        assert (await by_key(app, key.reveal())).status == 200
    for client in ("10.0.0.1", "10.0.0.2"):
        assert [(await by_key(app, "wrong", client)).status for _ in range(3)] == [401, 401, 429]
    clock.advance(timedelta(milliseconds=900))
    for key in (KEY, made):
        assert (await by_key(app, key.reveal())).status == 200
        assert (await by_key(app, key.reveal(), "10.0.0.2")).status == 429, "nobody hears there whether it is one"
    await ansel.access.revoke_key(view.id)
    assert [(await by_key(app, made.reveal())).status for _ in range(2)] == [401, 429]


async def test_pages_count_as_the_key_that_signed_in_and_tell_it_as_a_page(ansel: Ansel) -> None:
    app = limited(ansel, requests_of_a_key=3)  # one of them to sign in
    assert (await ask(app, "GET", "/sync")).status == 200
    assert (await ask(app, "GET", "/api/connections")).status == 200
    reply = await ask(app, "GET", "/sync")
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    assert "Too many requests" in reply.body.decode()


async def test_so_many_requests_are_answered_at_once_and_the_next_one_comes_back(ansel: Ansel) -> None:
    may_go_on = asyncio.Event()
    stores = ansel.connections.connections

    class Slow:
        def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
            async def wait(*given: object) -> Any:
                await may_go_on.wait()
                return await getattr(stores, name)(*given)

            return wait

    slow = replace(ansel, connections=replace(ansel.connections, connections=cast("Any", Slow())))
    app = limited(slow, requests_at_once=3)
    under_way = [asyncio.create_task(ask(app, "GET", "/api/connections")) for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert refused(await ask(app, "GET", "/api/connections")) == (503, "OVERLOADED", "1")
    assert (await ask(app, "GET", "/sync", known=False, headers=[HOST])).status == 503
    assert (await ask(app, "GET", "/healthz")).status == 200, "a probe must not end a process that is only busy"
    may_go_on.set()
    assert [each.status for each in await asyncio.gather(*under_way)] == [200, 200, 200]
    assert (await ask(app, "GET", "/api/connections")).status == 200


async def test_one_key_leaves_room_for_the_others_whatever_it_keeps_waiting(ansel: Ansel) -> None:
    _, text = await ansel.access.create_key("other")
    other = [HOST, (b"authorization", f"Bearer {text.reveal()}".encode())]
    app = limited(ansel, requests_at_once=4, requests_at_once_of_one=2)
    never = asyncio.Event()

    async def drip() -> None:
        """Sends a head with the key, and never the body."""
        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": "/api/connections",
            "query_string": b"",
            "headers": [*JSON, BEARER, (b"content-length", b"20")],
            "client": ("10.0.0.1", 50000),
        }

        async def receive() -> Message:
            await never.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            raise AssertionError(message)

        await app(scope, receive, send)

    dripping = [asyncio.create_task(drip()) for _ in range(2)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert refused(await ask(app, "GET", "/api/connections")) == (429, "TOO_MANY_AT_ONCE", "1")
    assert (await ask(app, "GET", "/api/connections", headers=other)).status == 200
    assert (await ask(app, "GET", "/sign-in", headers=[HOST], known=False)).status == 200
    never.set()
    await asyncio.gather(*dripping)
    assert (await ask(app, "GET", "/api/connections")).status == 200


async def test_nor_does_one_address_without_a_key_take_every_place(ansel: Ansel) -> None:
    app = limited(ansel, requests_at_once=4, requests_at_once_of_one=0)
    reply = await ask(app, "GET", "/sign-in", headers=[HOST], known=False)
    assert reply.status == 429
    assert "key" not in reply.body.decode(), "it has none"
    assert "Try again in 1 second." in reply.body.decode()


async def test_nor_while_its_keys_are_looked_up_and_one_that_opened_there_is_served_meanwhile(
    ansel: Ansel, clock: FakeClock
) -> None:
    _, made = await ansel.access.create_key("studio")
    looked_up, found = list[object](), asyncio.Event()
    app = limited(observed(ansel, looked_up, {NO_ID: found}))
    assert (await by_key(app, made.reveal())).status == 200
    clock.advance(timedelta(seconds=KNOWN_FOR))
    asking = [asyncio.create_task(by_key(app, f"wrong {n}")) for n in range(300)]
    for _ in range(10):
        await asyncio.sleep(0)
    surplus = [each.result() for each in asking if each.done()]
    assert (looked_up.count(NO_ID), len(surplus)) == (64, 236)
    assert {refused(each) for each in surplus} == {(429, "TOO_MANY_AT_ONCE", "1")}
    assert (await by_key(app, made.reveal())).status == 200, "it is looked up again"
    assert (await by_key(app, made.reveal(), "10.0.0.2")).status == 200
    assert (await by_key(app, KEY.reveal(), "10.0.0.2")).status == 200
    assert (await ask(app, "GET", "/sign-in", headers=[HOST], known=False, client="10.0.0.1")).status == 429
    found.set()
    assert [(await each).status for each in asking].count(401) == 64
    assert (await by_key(app, "wrong")).status == 401


async def test_nor_does_a_key_that_opened_while_it_is_looked_up_again(ansel: Ansel, clock: FakeClock) -> None:
    view, made = await ansel.access.create_key("studio")
    found = asyncio.Event()
    app = limited(observed(ansel, [], {view.id: found}), requests_at_once=4, requests_at_once_of_one=2)
    found.set()
    assert (await by_key(app, made.reveal())).status == 200
    found.clear()
    clock.advance(timedelta(seconds=KNOWN_FOR))
    asking = [asyncio.create_task(by_key(app, made.reveal())) for _ in range(9)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert [refused(each.result())[1] for each in asking if each.done()] == ["TOO_MANY_AT_ONCE"] * 7
    assert (await by_key(app, KEY.reveal())).status == 200
    found.set()
    assert [(await each).status for each in asking].count(200) == 2


async def test_attempts_to_sign_in_are_counted_by_address(ansel: Ansel, clock: FakeClock) -> None:
    app = limited(ansel, sign_ins=3, sign_ins_per_second=0.1)
    for _ in range(3):
        assert (await attempt(app, "wrong")).status == 401
    reply = await attempt(app, KEY.reveal())
    assert (reply.status, reply.headers["retry-after"]) == (429, "10")
    assert "TOO_MANY_SIGN_INS" in reply.body.decode()
    assert reply.chunks_read == 0
    assert (await attempt(app, KEY.reveal(), client="10.0.0.2")).status == 303
    clock.advance(timedelta(seconds=10))
    assert (await attempt(app, KEY.reveal())).status == 303


async def test_an_attempt_that_succeeds_does_not_count(ansel: Ansel) -> None:
    app = limited(ansel, sign_ins=2)
    for _ in range(10):
        assert (await attempt(app, KEY.reveal())).status == 303


async def test_but_it_counts_as_a_request_of_its_key_since_it_is_written_down_for_ever(
    ansel: Ansel, clock: FakeClock
) -> None:
    app = limited(ansel, requests_of_a_key=3, requests_of_a_key_per_second=0.5)
    _, text = await ansel.access.create_key("reader", scopes=["read"])
    assert [(await attempt(app, text.reveal())).status for _ in range(5)] == [303, 303, 303, 429, 429]
    reply = await attempt(app, text.reveal())
    assert ("RATE_LIMITED" in reply.body.decode(), reply.headers["retry-after"]) == (True, "2")
    signed_in = [each for each in (await ansel.access.audit()).entries if each.action == "signed.in"]
    assert len(signed_in) == 3
    assert (await attempt(app, KEY.reveal())).status == 303, "and nobody else there is kept from signing in"


async def test_whoever_has_one_address_of_ipv6_has_a_whole_network_of_them(ansel: Ansel) -> None:
    app = limited(ansel, sign_ins=2)
    statuses = [(await attempt(app, "wrong", client=f"2001:db8::{n}")).status for n in range(1, 4)]
    assert statuses == [401, 401, 429]
    assert (await attempt(app, "wrong", client="2001:db8:0:1::1")).status == 401


async def test_codes_of_links_are_counted_too(ansel: Ansel) -> None:
    app = limited(ansel, sign_ins=2)
    headers = [HOST, (b"content-type", FORM_TYPE.encode())]
    statuses = [(await ask(app, "POST", f"/sign-in/{n}", headers=headers, known=False)).status for n in range(4)]
    assert statuses == [403, 403, 429, 429]
    assert (await ask(app, "GET", "/sign-in/x", known=False, headers=[HOST])).status == 200


async def test_whoever_signs_in_too_often_is_told_for_how_long_to_wait(ansel: Ansel) -> None:
    app = limited(ansel, sign_ins=1)
    await attempt(app, "wrong")
    refused = await attempt(app, "wrong")
    assert refused.status == 429
    assert f"Try again in {refused.headers['retry-after']} seconds." in refused.body.decode()


async def test_a_body_is_read_no_further_than_it_may_be_large(app: Starlette) -> None:
    chunks = [b" " * 65_536] * (64 * 1024 * 1024 // 65_536)
    reply = await ask(app, "POST", "/api/connections", headers=[*JSON, BEARER], chunks=chunks)
    assert (reply.status, json.loads(reply.body)["code"]) == (413, "BODY_TOO_LARGE")
    assert reply.chunks_read * 65_536 <= 9 * LARGEST_BODY
