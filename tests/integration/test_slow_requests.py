"""Requests that come too slowly, over real sockets: nobody keeps a connection open for longer than it takes."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from starlette.types import Receive, Scope, Send

from anselai.entrypoints.http_server import http_server, listen
from anselai.entrypoints.patient_protocol import BODY_WITHIN, HEAD_WITHIN, MOST_CONNECTIONS, MOST_OF_ONE, TAKEN_WITHIN
from tests.integration.impatience import (
    CHUNKED,
    HEALTH,
    LATE,
    POST,
    UNKNOWN,
    WITHIN,
    Impatient,
    Peer,
    connected,
    served,
)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served() as port:
        yield port


async def drip(peer: Peer, text: bytes) -> None:
    """Byte by byte, for longer than there is time."""
    for byte in text:
        if peer.writer.is_closing():
            return
        peer.writer.write(bytes([byte]))
        await asyncio.sleep(WITHIN / 10)


def told(answer: bytes) -> tuple[int, str]:
    """Status and code of an answer in the envelope, which says when to come back."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nretry-after: 1" in head
    assert b"\r\nconnection: close" in head
    assert b"\r\ncontent-security-policy: " in head
    return int(head.split()[1]), json.loads(body)["code"]


async def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    async with connected(port) as peer:
        began = time.monotonic()
        assert await peer.rest() == b""
        assert WITHIN * 0.9 < time.monotonic() - began < LATE


@pytest.mark.parametrize("first", [b"G", b"GET / HTTP/1.1\r\nX-Slow: ", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
async def test_a_head_that_does_not_end_is_answered_and_closed(port: int, first: bytes) -> None:
    async with connected(port) as peer:
        peer.writer.write(first)
        assert told(await peer.rest()) == (408, "REQUEST_TOO_SLOW")


async def test_more_bytes_do_not_win_more_time(port: int) -> None:
    async with connected(port) as peer:
        dripping = asyncio.create_task(drip(peer, b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 200))
        assert told(await peer.rest()) == (408, "REQUEST_TOO_SLOW")
        dripping.cancel()


@pytest.mark.parametrize("head", [POST, CHUNKED])
async def test_a_body_that_does_not_come_is_answered_and_closed(port: int, head: bytes) -> None:
    async with connected(port) as peer:
        peer.writer.write(head)
        assert told(await peer.rest()) == (408, "REQUEST_TOO_SLOW")


async def test_a_body_that_drips_is_too_slow(port: int) -> None:
    async with connected(port) as peer:
        peer.writer.write(POST)
        dripping = asyncio.create_task(drip(peer, b"{" + b" " * 99))
        assert told(await peer.rest()) == (408, "REQUEST_TOO_SLOW")
        dripping.cancel()


async def test_who_has_no_key_is_answered_before_the_body_and_cannot_send_it_for_ever(port: int) -> None:
    async with connected(port) as peer:
        peer.writer.write(UNKNOWN)
        async with asyncio.timeout(WITHIN * 0.8):
            status, _, body = await peer.answer()
        assert (status, json.loads(body)["code"]) == (401, "UNAUTHENTICATED")
        dripping = asyncio.create_task(drip(peer, b" " * 200))
        assert await peer.rest() == b"", "one answer to one request"
        dripping.cancel()


async def test_a_kept_connection_may_rest_and_ask_again_at_its_leisure(port: int) -> None:
    async with connected(port) as peer:
        for _ in range(3):
            peer.writer.write(HEALTH)
            assert (await peer.answer())[0] == 200
            await asyncio.sleep(WITHIN * 1.5)
        peer.writer.write(HEALTH[:10])
        assert told(await peer.rest()) == (408, "REQUEST_TOO_SLOW")


async def test_requests_one_after_the_other_in_one_piece_are_all_answered(port: int) -> None:
    body = b'{"platform": "google", "accessToken": "token"}'
    post = POST.replace(b"100", b"%d" % len(body)) + body
    async with connected(port) as peer:
        peer.writer.write(HEALTH + post + HEALTH + post + HEALTH)
        assert [(await peer.answer())[0] for _ in range(5)] == [200, 201, 200, 409, 200]


async def test_what_is_no_http_is_told_in_the_envelope(port: int) -> None:
    for nonsense in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01"):
        async with connected(port) as peer:
            peer.writer.write(nonsense + b"\r\n\r\n")
            head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert json.loads(body)["code"] == "MALFORMED_REQUEST"


async def test_a_head_that_grows_too_large_is_told_so(port: int) -> None:
    async with connected(port) as peer:
        peer.writer.write(b"GET / HTTP/1.1\r\nX-Large: " + b"x" * 40_000)
        head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert json.loads(body)["code"] == "HEAD_TOO_LARGE"


@pytest.mark.parametrize(
    "head",
    [
        CHUNKED.replace(b"\r\n", b"\r\nContent-Length: 5\r\n", 1),
        CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
async def test_what_a_proxy_may_understand_in_another_way_is_refused_and_nothing_after_it_is_read(
    port: int, head: bytes
) -> None:
    async with connected(port) as peer:
        peer.writer.write(head + b"0\r\n\r\n" + HEALTH)
        told = await peer.rest()
        assert (told.count(b"HTTP/1.1 "), told.startswith(b"HTTP/1.1 400 "), b"MALFORMED_REQUEST" in told) == (1, 1, 1)


async def test_whoever_asks_for_another_protocol_is_answered_in_this_one(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for other in (b"websocket", b"h2c"):
        async with connected(port) as peer:
            peer.writer.write(HEALTH.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: " + other + b"\r\nHost"))
            assert (await peer.answer())[0] == 200
    assert "pip install" not in caplog.text


async def test_a_body_that_is_no_http_ends_the_request(port: int) -> None:
    async with connected(port) as peer:
        peer.writer.write(CHUNKED + b"nonsense\r\n")
        assert b"MALFORMED_REQUEST" in await peer.rest()


async def test_too_many_connections_are_told_to_come_back_and_far_too_many_are_cut(port: int) -> None:
    async with connected(port) as a, connected(port) as b, connected(port), connected(port), connected(port):
        await asyncio.sleep(WITHIN / 10)
        async with connected(port) as sixth:
            sixth.writer.write(HEALTH)
            status, headers, body = await sixth.answer()
            assert (status, json.loads(body)["code"]) == (503, "OVERLOADED")
            assert headers["retry-after"] == "1"
        for each in (a, b):
            each.writer.write(HEALTH)
            assert (await each.answer())[0] == 200
    peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
    assert [await asyncio.wait_for(reader.read(), LATE) for reader, _ in peers[8:]] == [b""] * 4
    for _, writer in peers:
        writer.close()


async def test_one_address_leaves_connections_for_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Shared(Impatient):
        head_within = LATE
        most_of_one = 3
        cut_of_one = 5

    async with served(Shared) as port, AsyncExitStack() as stack:
        greedy = [await stack.enter_async_context(connected(port)) for _ in range(8)]
        assert [await each.rest() for each in greedy[5:]] == [b""] * 3
        for each in greedy[:5]:
            each.writer.write(HEALTH)
            assert (await each.answer())[0] == (200 if each in greedy[:3] else 503)
        for _ in range(2):
            other = await stack.enter_async_context(connected(port, "127.0.0.2"))
            other.writer.write(HEALTH)
            assert (await other.answer())[0] == 200
    assert (MOST_OF_ONE, MOST_CONNECTIONS) == (400, 500)


async def test_a_slow_answer_is_not_a_slow_request() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(WITHIN * 2)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    listener = listen("127.0.0.1", 0)
    server = http_server(slow)
    server.config.http = Impatient
    serving = asyncio.create_task(server.serve([listener]))
    async with connected(listener.getsockname()[1]) as peer:
        peer.writer.write(POST + b" " * 100)
        assert (await peer.answer())[0] == 200
    server.should_exit = True
    await serving


@pytest.mark.parametrize(
    ("size", "headers"),
    [(1_000_000, []), (40_000, [(b"connection", b"close")])],
    ids=["still-being-written", "closing"],
)
async def test_an_answer_that_nobody_takes_keeps_no_connection(size: int, headers: list[tuple[bytes, bytes]]) -> None:
    gone = asyncio.Event()

    class Watched(Impatient):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            gone.set()

    async def generous(scope: Scope, receive: Receive, send: Send) -> None:
        length = (b"content-length", b"%d" % size)
        await send({"type": "http.response.start", "status": 200, "headers": [length, *headers]})
        await send({"type": "http.response.body", "body": b"x" * size})

    listener = listen("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    server = http_server(generous)
    server.config.http = Watched
    serving = asyncio.create_task(server.serve([listener]))
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(listener.getsockname())
        deaf.sendall(HEALTH)
        async with asyncio.timeout(LATE):
            await gone.wait()
    server.should_exit = True
    await serving


def test_there_is_time_for_a_slow_line() -> None:
    assert (HEAD_WITHIN, BODY_WITHIN, TAKEN_WITHIN) == (10.0, 30.0, 30.0)
