"""Whatever bytes come over a connection, it is answered or closed in time, and no answer is a failure of ours."""

import asyncio
import os
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.strategies import DrawFn

from tests.integration.impatience import CHUNKED, HEALTH, POST, UNKNOWN, connected, served

CONNECTIONS = int(os.environ.get("REQUESTS", "300")) // 10
AT_ONCE = 5
GOODBYE = b"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\xff", b"0\r\n\r\n", b"5;x=y\r\nhello\r\n", b"ffffffffffffffff\r\n"),
    *(
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: evil.example\r\n",
    ),
    *(
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"Expect: 100-continue\r\n",
        b" HTTP/1.0\r\n",
        b"HTTP/9.9",
        b"http://",
    ),
]


@some.composite
def some_bytes(draw: DrawFn) -> bytes:
    """Requests that were good until pieces of them were put somewhere else."""
    told = b"".join(draw(some.lists(some.sampled_from([HEALTH, POST, CHUNKED, UNKNOWN]), min_size=1, max_size=3)))
    for _ in range(draw(some.integers(0, 4))):
        begins = draw(some.integers(0, len(told)))
        ends = begins + draw(some.integers(0, 8))
        told = told[:begins] + draw(some.one_of(some.sampled_from(PIECES), some.binary(max_size=8))) + told[ends:]
    return told


@settings(max_examples=max(1, CONNECTIONS // AT_ONCE), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=some.lists(some_bytes(), min_size=AT_ONCE, max_size=AT_ONCE))
def test_no_bytes_are_a_failure_of_ours(sent: list[bytes]) -> None:
    async def send_all() -> list[bytes]:
        async with served() as port:
            return await asyncio.gather(*(answered(port, each) for each in sent))

    with asyncio.Runner() as runner:
        for told in runner.run(send_all()):
            statuses = [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", told)]
            assert not told or told.startswith(b"HTTP/1.1 ")
            assert all(each < 500 for each in statuses), told
            assert told.count(b"x-content-type-options: nosniff") == len([each for each in statuses if each != 100])


async def answered(port: int, sent: bytes) -> bytes:
    """All that comes until the other side closes, which it does in time."""
    async with connected(port) as peer:
        peer.writer.write(sent + GOODBYE)
        return await peer.rest()
