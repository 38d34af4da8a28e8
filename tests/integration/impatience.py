"""A server without patience, over real sockets, and connections to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anselai.container import open_in_memory
from anselai.domain.secret import Secret
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http_server import http_server, listen
from anselai.entrypoints.patient_protocol import PatientProtocol

WITHIN = 0.3  # seconds, in the place of 10 for a head and 30 for a body
LATE = 5.0  # seconds
KEY = "slow-requests-only-93d2b8c15e7f4a06"
KNOWN = f"Host: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n".encode()
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
POST = b"POST /api/connections HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n" + KNOWN + b"\r\n"
CHUNKED = b"POST /api/connections HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + KNOWN + b"\r\n"
UNKNOWN = b"POST /api/connections HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n"


class Impatient(PatientProtocol):
    head_within = WITHIN
    body_within = WITHIN
    taken_within = WITHIN
    gone_within = WITHIN
    most_connections = 5
    cut_connections = 8
    most_of_one = 100  # the limits of one address are tried by themselves
    cut_of_one = 100


@dataclass(slots=True, kw_only=True)
class Peer:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def rest(self) -> bytes:
        """All that comes until the other side closes, which it does in time."""
        async with asyncio.timeout(LATE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        return int(status.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))


@asynccontextmanager
async def served(protocol: type[Impatient] = Impatient) -> AsyncIterator[int]:
    """The port of a server without much patience."""
    async with open_in_memory(api_key=Secret(KEY)) as ansel:
        listener = listen("127.0.0.1", 0)
        server = http_server(build_app(ansel))
        server.config.http = protocol
        serving = asyncio.create_task(server.serve([listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@asynccontextmanager
async def connected(port: int, whence: str = "127.0.0.1") -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(whence, 0))
    try:
        yield Peer(reader=reader, writer=writer)
    finally:
        writer.close()
