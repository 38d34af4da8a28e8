"""The scheduler daemon alone: any number of them may run on one database."""

import asyncio

from anselai.application.ansel import Ansel
from anselai.entrypoints.daemon import Say, run_daemon, stop_worker, until_stopped
from anselai.entrypoints.start_screen import place_of_data
from anselai.entrypoints.stop_signals import StopSignals
from anselai.settings import Settings


async def run_scheduler(settings: Settings, say: Say) -> bool:
    """Run syncs until SIGINT or SIGTERM; whether it ended because of one. Raises what `open_container` raises."""

    async def work(ansel: Ansel, stop: StopSignals) -> bool:
        worker = asyncio.create_task(ansel.worker.run(), name="scheduler")
        say(f"The scheduler runs on {place_of_data(settings)}. Ctrl-C stops it.")
        asked = await until_stopped(stop, worker)
        await stop_worker(ansel.worker, worker, stop)
        return asked

    return await run_daemon(settings, work, say)
