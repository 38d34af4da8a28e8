"""uvicorn, held by us: our socket, our signals, our log."""

import asyncio
import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from anselai.domain.errors import InvalidSettings
from anselai.entrypoints.http.head import LARGEST_HEAD
from anselai.entrypoints.patient_protocol import PatientProtocol
from anselai.entrypoints.stop_signals import StopSignals

BACKLOG = 2048
KEEP_ALIVE = 15  # seconds
FINISH_WITHIN = 10  # seconds that requests under way get when we stop


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves the signals alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def http_server(app: ASGIApp) -> HttpServer:
    """A server for the app. Its `serve` takes the socket that `listen` gave."""
    return HttpServer(
        uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            workers=1,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=FINISH_WITHIN,
            h11_max_incomplete_event_size=LARGEST_HEAD,
        )
    )


def listen(host: str, port: int, way_out: str = "ANSELAI_PORT={} anselai serve") -> socket.socket:
    """The socket to serve on, taken before anything else is started. Raises InvalidSettings with the way out.

    `way_out` is how to start with another port.

    Its protocol is named: asyncio turns Nagle's algorithm off only for a socket that says TCP, and otherwise every
    answer after the first of a connection waits 40 ms for the other side's acknowledgement.
    """
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        made = socket.create_server((address, port), family=family, backlog=BACKLOG)
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=made.detach())
    except OSError as error:
        raise InvalidSettings(_why_not(error, address, port, way_out)) from None


def address_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it; what listens everywhere is found at the loopback address too."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def stop_http(server: HttpServer, serving: "asyncio.Task[None]", stop: StopSignals) -> None:
    """Accept nothing more and let requests finish; on a second signal they are cancelled."""
    server.should_exit = True
    hurried = asyncio.create_task(stop.hurried.wait())
    await asyncio.wait({serving, hurried}, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    requests = set(server.server_state.tasks)  # those that had no end in time; uvicorn cancels but does not await them
    for task in (serving, *requests):
        task.cancel()
    await asyncio.wait({serving, *requests}, timeout=FINISH_WITHIN)


def _why_not(error: OSError, address: str, port: int, way_out: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {address} is taken. Perhaps AnselAI is running already; if not, "
            f"choose another port, for example: {way_out.format(port + 1 if port < 65535 else 3201)}"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is for the system only. Choose one above 1023: {way_out.format(3200)}"
    return f"Cannot listen on {address}, port {port}: {error.strerror}. Set ANSELAI_HOST and {way_out.split('=')[0]}."
