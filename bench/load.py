"""An HTTP client that asks one server for one path, over connections that it keeps, as fast as answers come.

Standard library only. Prints requests per second and latencies in milliseconds, as JSON.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field
from statistics import quantiles


@dataclass(slots=True, kw_only=True)
class Tally:
    """What all connections of one run share. Instants and durations are seconds."""

    request: bytes
    until: float
    latencies: list[float] = field(default_factory=list)
    errors: int = 0


class KeepAlive(asyncio.Protocol):
    """One connection: the next request is sent as soon as the answer to the last one is whole."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.received = bytearray()
        self.sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.received += data
        length = _whole(self.received)
        if length is None:
            return
        now = time.perf_counter()
        self.tally.latencies.append(now - self.sent_at)
        if not self.received.startswith(b"HTTP/1.1 200"):
            self.tally.errors += 1
        del self.received[:length]
        if now < self.tally.until:
            self._ask()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if time.perf_counter() < self.tally.until:
            self.tally.errors += 1
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(self.tally.request)


def _whole(received: bytearray) -> int | None:
    """How long the answer is, once all of it is there."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return None
    headers = received[:head].lower()
    begins = headers.index(b"content-length:") + len(b"content-length:")
    ends = headers.find(b"\r\n", begins)
    length = head + 4 + int(headers[begins : ends if ends >= 0 else head])
    return length if len(received) >= length else None


async def load(port: int, path: str, connections: int, seconds: float, key: str = "") -> dict[str, float]:
    """Raises RuntimeError if any answer was not a 200."""
    known = f"Authorization: Bearer {key}\r\n" if key else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{known}Accept: application/json\r\n\r\n"
    began = time.perf_counter()
    tally = Tally(request=request.encode(), until=began + seconds)
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: KeepAlive(tally), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.gather(*(each.done for each in opened))
    took = time.perf_counter() - began
    if tally.errors:
        raise RuntimeError(f"{tally.errors} of {len(tally.latencies)} answers were not a 200")
    percentiles = quantiles(tally.latencies, n=100)
    return {
        "requests/s": len(tally.latencies) / took,
        "p50 ms": percentiles[49] * 1000,
        "p99 ms": percentiles[98] * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--key", default="", help="an API key to show")
    args = parser.parse_args()
    print(json.dumps(asyncio.run(load(args.port, args.path, args.connections, args.seconds, args.key))))


if __name__ == "__main__":
    main()
