"""GET /api/connections with four connections, asked over 16 kept connections of HTTP.

The server has a core to itself; the client and the database share the others.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from bench.contest import Contest, Contestant, Figures
from bench.processes import PEERS, PRODUCT, pin, serving, split_cores, told_by
from bench.server import BenchServer

PATH = "/api/connections"
SECONDS = 3.0
WARM_UP_SECONDS = 1.0
STARTS_WITHIN = 20.0  # seconds
AT_LEAST_OF_BARE, AT_LEAST_OF_FASTAPI = 0.6, 2.5


@contextmanager
def contest(server: BenchServer) -> Iterator[Contest]:
    """All three servers are up for the whole contest; the two that are not asked do nothing."""
    served_on, others = split_cores()
    dsn = server.create_migrated("http")
    sql = told_by(PRODUCT, "bench.ours.http_data", dsn)["sql"]
    server.analyze("http")
    pin(server.postmaster(), others)
    with ExitStack() as servers:
        ours = servers.enter_context(serving(PRODUCT, "bench.ours.http_server", dsn, cores=served_on))
        bare = servers.enter_context(serving(PEERS, "bench.peers.bare_starlette", dsn, sql, cores=served_on))
        fastapi = servers.enter_context(serving(PEERS, "bench.peers.fastapi_orm", dsn, cores=served_on))
        expected = answer(ours)
        assert len(expected["data"]) == 4, expected
        for port in (bare, fastapi):
            assert answer(port) == expected, f"{answer(port)}\nis not\n{expected}"

        def asked(port: int) -> Callable[[], Figures]:
            def load(seconds: float = SECONDS) -> Figures:
                return told_by(PRODUCT, "bench.load", str(port), PATH, f"--seconds={seconds}", cores=others)

            load(WARM_UP_SECONDS)
            return load

        yield Contest(
            title="GET /api/connections",
            contestants=[
                Contestant(name="AnselAI", measure=asked(ours)),
                Contestant(
                    name="a bare Starlette route, the same SQL (the limit)",
                    measure=asked(bare),
                    at_least=AT_LEAST_OF_BARE,
                ),
                Contestant(name="FastAPI, SQLAlchemy ORM", measure=asked(fastapi), at_least=AT_LEAST_OF_FASTAPI),
            ],
        )


def answer(port: int) -> Any:
    """What the server says, as soon as it says something."""
    until = time.perf_counter() + STARTS_WITHIN
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}{PATH}", timeout=STARTS_WITHIN) as response:
                return json.load(response)
        except URLError:
            if time.perf_counter() > until:
                raise
            time.sleep(0.05)
