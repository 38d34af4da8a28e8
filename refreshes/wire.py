"""The provider over HTTP, in a process of its own that nobody kills: its books are the truth."""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from anselai.domain.refreshing import SecondUse
from refreshes.provider import InvalidGrant, Provider

LIFE = 3600  # seconds
SLOW = 4.0  # seconds at most, which is longer than the client waits
OK, BAD, BUSY, AWAY = "200 OK", "400 Bad Request", "429 Too Many Requests", "503 Service Unavailable"
MANNERS = ("cut before", "cut after", "never", "slow", "503", "rate limit", "twice", "nonsense")


class Platform:
    """`bad_manners` is the share of questions that are not simply answered."""

    def __init__(self, provider: Provider, bad_manners: float) -> None:
        self.provider, self.bad_manners = provider, bad_manners

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split("\r\n")[0] or 0)
            body = json.loads(await reader.readexactly(length)) if length else {}
            await self._answer(head.split(" ")[1], body, writer)
        writer.close()

    async def _answer(self, path: str, asked: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        provider = self.provider
        match path:
            case "/token":
                await self._token(asked, writer)
            case "/connect":
                tokens = provider.connect(asked["account"])
                _write(writer, OK, {"access": tokens.access, "refresh": tokens.refresh})
            case "/calm":
                self.bad_manners = 0.0
                _write(writer, OK, {})
            case "/books":
                living = {name: None if grant.is_revoked else grant.living for name, grant in provider.grants.items()}
                _write(writer, OK, {"living": living, "counts": provider.counts})
        await writer.drain()

    async def _token(self, asked: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        manner = random.choice(MANNERS) if random.random() < self.bad_manners else "kind"  # noqa: S311
        self.provider.counts[f"answered: {manner}"] += 1
        if manner == "cut before":
            return
        if manner in ("503", "rate limit"):
            _write(writer, AWAY if manner == "503" else BUSY, {})
            return
        await asyncio.sleep(random.random() * 0.01)  # noqa: S311
        try:
            tokens = self.provider.refresh(asked["account"], asked["refresh_token"], time.monotonic())
        except InvalidGrant:
            _write(writer, BAD, {"error": "invalid_grant"})
            return
        if manner == "never":
            await asyncio.sleep(3 * SLOW)
        elif manner == "slow":
            await asyncio.sleep(random.random() * SLOW)  # noqa: S311
        if manner not in ("cut after", "never"):
            answer = {"access_token": tokens.access, "refresh_token": tokens.refresh, "expires_in": LIFE}
            for _ in range(2 if manner == "twice" else 1):
                _write(writer, OK, {} if manner == "nonsense" else answer)


def _write(writer: asyncio.StreamWriter, status: str, answer: Any) -> None:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def ask(port: int, path: str, question: Mapping[str, str]) -> tuple[int, Any]:
    """The status and the answer. Raises OSError when nothing was sent, EOFError when the answer does not come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        body = json.dumps(question).encode()
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        try:
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
            return int(head.split(" ")[1]), json.loads(await reader.readexactly(length))
        except (ConnectionError, asyncio.IncompleteReadError) as cut:
            raise EOFError from cut
    finally:
        writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--bad-manners", type=float, required=True)
    args = parser.parse_args()
    platform = Platform(Provider(second_use=SecondUse.REFUSED), args.bad_manners)
    server = await asyncio.start_server(platform.serve, "127.0.0.1", 0)
    written = args.port_file.with_suffix(".new")
    written.write_text(str(server.sockets[0].getsockname()[1]))
    written.rename(args.port_file)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
