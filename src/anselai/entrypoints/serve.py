"""HTTP API, dashboard and scheduler in one process and one loop."""

import asyncio
from collections.abc import Callable
from socket import socket

from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.application.audit import acting_as
from anselai.container import key_in_use
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.audit import Actor, AuditAction
from anselai.entrypoints.daemon import Say, run_daemon, stop_worker, until_stopped
from anselai.entrypoints.exposure import check_exposure, check_somebody_has_a_key
from anselai.entrypoints.first_key import first_key
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.doors import Doors
from anselai.entrypoints.http.one_time_code import OneTimeCode
from anselai.entrypoints.http_server import address_of, http_server, listen, stop_http
from anselai.entrypoints.start_screen import start_screen
from anselai.entrypoints.stop_signals import StopSignals
from anselai.settings import Settings, is_loopback


async def run_serve(settings: Settings, say: Say, *, with_scheduler: bool = True, is_watched: bool = False) -> bool:
    """Serve until SIGINT or SIGTERM; whether it ended because of one. `is_watched`: `say` is read by a person.

    The port is taken first, so that a second `serve` by mistake starts nothing. Raises InvalidSettings, and what
    `open_container` raises.
    """
    check_exposure(settings)
    with listen(settings.host, settings.port) as listener:

        async def work(ansel: Ansel, stop: StopSignals) -> bool:
            await check_somebody_has_a_key(settings, ansel)
            await _write_down(settings, ansel, address_of(listener))
            code = OneTimeCode(clock=ansel.clock)
            # Where others come in, what is printed may be a log that others read.
            has_link = settings.auth and (is_watched or is_loopback(settings.host))
            screen = start_screen(
                address=address_of(listener),
                code=code.issue() if has_link else None,
                first_key=await first_key(settings, ansel, is_watched=is_watched),
                settings=settings,
                key=key_in_use(settings),
                platforms=await ansel.platforms.list_platforms(),
                with_scheduler=with_scheduler,
            )
            app = build_app(ansel, doors=Doors.of(settings), sign_in_code=code, scheduler_runs_here=with_scheduler)
            return await serve_on(ansel, app, stop, listener, lambda: say(screen), with_scheduler=with_scheduler)

        return await run_daemon(settings, work, say)


async def _write_down(settings: Settings, ansel: Ansel, address: str) -> None:
    """What decides who may come in and what seals, whenever it may have become another: no value of a secret."""
    told = (
        f"authentication {'on' if settings.auth else 'off'}",
        f"ANSELAI_API_KEY {'unset' if settings.api_key is None else 'set'}",
        f"encryption keys {', '.join(ansel.keys.cipher.key_ids())}",
    )
    with acting_as(Actor(name="serve")):
        await ansel.connections.audit.record(EVERY_STUDIO, AuditAction.SERVED, address, "; ".join(told))


async def serve_on(
    ansel: Ansel,
    app: Starlette,
    stop: StopSignals,
    listener: socket,
    ready: Callable[[], None],
    *,
    with_scheduler: bool,
) -> bool:
    """Serve the app here until asked to stop or until a part fails; whether it was asked. Stops what it started."""
    server = http_server(app)
    async with app.router.lifespan_context(app):
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="HTTP server")
        worker = asyncio.create_task(ansel.worker.run(), name="scheduler") if with_scheduler else None
        ready()
        asked = await until_stopped(stop, serving, *([worker] if worker else []))
        if worker is not None:
            ansel.worker.stop()  # no new run while requests come to their end
        await stop_http(server, serving, stop)
        if worker is not None:
            await stop_worker(ansel.worker, worker, stop)
    return asked
