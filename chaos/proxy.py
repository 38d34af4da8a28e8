"""A way to the server that can fall silent: connections stay open, and nothing gets through, not even their end."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

CHUNK = 2**16


@dataclass(slots=True, kw_only=True)
class Proxy:
    """Listens on TCP, leads to a Unix socket, and runs in a thread of its own."""

    socket: Path
    loop: asyncio.AbstractEventLoop
    port: int = 0
    ways: list[asyncio.Event] = field(default_factory=list)
    frozen: list[asyncio.Event] = field(default_factory=list)  # kept, or what waits for them would be collected
    newcomers_wait: bool = False

    def dsn(self, dsn: str) -> str:
        """The address of a database of the server, by way of this proxy."""
        place = conninfo_to_dict(dsn)
        return f"postgresql://{place['user']}@127.0.0.1:{self.port}/{place['dbname']}"

    def freeze(self, *, newcomers: bool) -> None:
        """Nothing gets through on the connections that are there, ever; and on new ones not until `thaw`."""
        self.loop.call_soon_threadsafe(self._freeze, newcomers)

    def thaw(self) -> None:
        self.loop.call_soon_threadsafe(self._thaw)

    def _freeze(self, newcomers: bool) -> None:
        for way in self.ways:
            way.clear()
        self.frozen += self.ways
        self.ways.clear()
        self.newcomers_wait = newcomers

    def _thaw(self) -> None:
        for way in self.ways:
            way.set()
        self.newcomers_wait = False

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = asyncio.Event()
        if not self.newcomers_wait:
            way.set()
        self.ways.append(way)
        writers = [writer]
        try:
            await way.wait()
            there, back = await asyncio.open_unix_connection(self.socket)
            writers.append(back)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, back, way))
                pumps.create_task(_pump(there, writer, way))
        except (OSError, asyncio.CancelledError):
            return  # the server is away, or all is over
        finally:
            for each in writers:
                each.transport.abort()
            if way in self.ways:
                self.ways.remove(way)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event) -> None:
    with suppress(OSError):  # one side was cut
        while data := await reader.read(CHUNK):
            await way.wait()
            writer.write(data)
            await writer.drain()
    await way.wait()
    writer.close()


@contextmanager
def proxies(socket: Path, number: int) -> Iterator[list[Proxy]]:
    """So many of them, each to the same server."""
    ready: Future[list[Proxy]] = Future()
    over = asyncio.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(socket, number, ready, over)), name="proxies")
    thread.start()
    made = ready.result()
    try:
        yield made
    finally:
        made[0].loop.call_soon_threadsafe(over.set)
        thread.join()


async def _serve(socket: Path, number: int, ready: "Future[list[Proxy]]", over: asyncio.Event) -> None:
    made = [Proxy(socket=socket, loop=asyncio.get_running_loop()) for _ in range(number)]
    servers = [await proxy.listen() for proxy in made]
    ready.set_result(made)
    await over.wait()
    for server in servers:
        server.close()
