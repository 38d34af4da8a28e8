"""The scheduler daemon alone: any number of them may run on one database."""

import asyncio
from contextlib import nullcontext
from socket import socket

from anselai.application.ansel import Ansel
from anselai.entrypoints.daemon import Say, run_daemon, stop_worker, until_stopped
from anselai.entrypoints.exposure import check_exposure, check_somebody_has_a_key
from anselai.entrypoints.start_screen import place_of_data
from anselai.entrypoints.stop_signals import StopSignals
from anselai.settings import Settings


async def run_scheduler(settings: Settings, say: Say) -> bool:
    """Run syncs until SIGINT or SIGTERM; whether it ended because of one. With a `metrics_port`, /metrics is served.

    Raises InvalidSettings, and what `open_container` raises.
    """
    if settings.metrics_port is not None:
        check_exposure(settings)
    ready = f"The scheduler runs on {place_of_data(settings)}. Ctrl-C stops it."
    with _listener(settings) as listener:

        async def work(ansel: Ansel, stop: StopSignals) -> bool:
            if listener is not None:
                await check_somebody_has_a_key(settings, ansel)
                return await _work_and_serve(settings, ansel, stop, listener, say, ready)
            worker = asyncio.create_task(ansel.worker.run(), name="scheduler")
            say(ready)
            asked = await until_stopped(stop, worker)
            await stop_worker(ansel.worker, worker, stop)
            return asked

        return await run_daemon(settings, work, say)


def _listener(settings: Settings) -> socket | nullcontext[None]:
    if settings.metrics_port is None:
        return nullcontext()
    from anselai.entrypoints.http_server import listen

    return listen(settings.host, settings.metrics_port, "ANSELAI_METRICS_PORT={} anselai scheduler")


async def _work_and_serve(
    settings: Settings, ansel: Ansel, stop: StopSignals, listener: socket, say: Say, ready: str
) -> bool:
    from anselai.entrypoints.http.doors import Doors
    from anselai.entrypoints.http.gated_app import build_metrics_app
    from anselai.entrypoints.http_server import address_of
    from anselai.entrypoints.serve import serve_on

    def tell() -> None:
        say(f"Figures for Prometheus: {address_of(listener)}/metrics")
        say(ready)

    app = build_metrics_app(ansel, Doors.of(settings))
    return await serve_on(ansel, app, stop, listener, tell, with_scheduler=True)
