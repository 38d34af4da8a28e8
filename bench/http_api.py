"""GET /api/connections with four connections, asked over 16 kept connections of HTTP.

The server has a core to itself; the client and the database share the others. Only ours asks for a key, and only ours
is held by row-level security.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import Request, build_opener

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
    served_as = server.role_that_serves("http")
    told = told_by(PRODUCT, "bench.ours.http_data", served_as)
    sql, key = told["sql"], told["key"]
    server.analyze("http")
    pin(server.postmaster(), others)
    with ExitStack() as servers:
        ours = servers.enter_context(serving(PRODUCT, "bench.ours.http_server", served_as, cores=served_on))
        bare = servers.enter_context(serving(PEERS, "bench.peers.bare_starlette", dsn, sql, cores=served_on))
        fastapi = servers.enter_context(serving(PEERS, "bench.peers.fastapi_orm", dsn, cores=served_on))
        expected = answer(ours, key)
        assert len(expected["data"]) == 4, expected
        for port in (bare, fastapi):
            assert answer(port) == expected, f"{answer(port)}\nis not\n{expected}"

        def asked(port: int, key: str = "") -> Callable[[], Figures]:
            def load(seconds: float = SECONDS) -> Figures:
                asking = (str(port), PATH, f"--seconds={seconds}", f"--key={key}")
                return told_by(PRODUCT, "bench.load", *asking, cores=others)

            load(WARM_UP_SECONDS)
            return load

        yield Contest(
            title="GET /api/connections",
            contestants=[
                Contestant(name="AnselAI", measure=asked(ours, key)),
                Contestant(
                    name="a bare Starlette route, the same SQL (the limit)",
                    measure=asked(bare),
                    at_least=AT_LEAST_OF_BARE,
                ),
                Contestant(name="FastAPI, SQLAlchemy ORM", measure=asked(fastapi), at_least=AT_LEAST_OF_FASTAPI),
            ],
        )


def answer(port: int, key: str = "") -> Any:
    """What the server says, as soon as it says something."""
    request = Request(f"http://127.0.0.1:{port}{PATH}", headers={"Authorization": f"Bearer {key}"} if key else {})
    until = time.perf_counter() + STARTS_WITHIN
    while True:
        try:
            with build_opener().open(request, timeout=STARTS_WITHIN) as response:
                return json.load(response)
        except URLError:
            if time.perf_counter() > until:
                raise
            time.sleep(0.05)
