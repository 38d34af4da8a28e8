"""The life of a long-running process: open, work until a signal or a failure, and stop in order."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

from anselai.application.ansel import Ansel
from anselai.application.sync_worker import SyncWorker
from anselai.container import open_container
from anselai.entrypoints.core_dumps import leave_no_core_dump
from anselai.entrypoints.database_watch import DatabaseWatch
from anselai.entrypoints.stop_signals import StopSignals, stop_signals
from anselai.settings import Settings

log = logging.getLogger("anselai")

Say = Callable[[str], None]
Work = Callable[[Ansel, StopSignals], Awaitable[bool]]

LEFT_BEHIND = 3.0  # seconds


def run_process(main: Coroutine[Any, Any, bool]) -> int:
    """Run a daemon's life; the exit code of its process, which from here on leaves no core dump.

    By the end of `main` all is closed. A plug-in that ignores its cancellation, or blocks a thread, may keep the
    process no longer than LEFT_BEHIND.
    """
    leave_no_core_dump()
    with asyncio.Runner() as runner:
        code = 0 if runner.run(main) else 1
        impatience = threading.Timer(LEFT_BEHIND, _exit_anyway, [code])
        impatience.daemon = True
        impatience.start()
    impatience.cancel()
    return code


def _exit_anyway(code: int) -> None:
    log.error("A platform client does not end, so the process ends without it.")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


async def run_daemon(settings: Settings, work: Work, say: Say) -> bool:
    """Open everything, work, and close everything: the pool, and then the embedded database.

    `work` stops by itself what it started, and returns whether it was asked to. So does this; a signal during the
    opening counts as asked. Raises what `open_container` raises, and KeysMissing.
    """
    with stop_signals(say) as stop:
        try:
            async with AsyncExitStack() as stack:
                with stop.cancelling():
                    ansel = await stack.enter_async_context(open_container(settings, report=say))
                    await ansel.keys.check()
                stack.push_async_callback(ansel.connections.refresher.settle, stop.hurried)
                _warn_of_limits_of_nothing(settings, {each.name for each in ansel.platforms.platforms.all()})
                watch = DatabaseWatch(settings=settings, ansel=ansel, report=say)
                watching = asyncio.create_task(watch.run(), name="database watch")
                spare_the_collector()
                try:
                    return await work(ansel, stop)
                finally:
                    watching.cancel()
                    with suppress(asyncio.CancelledError):
                        await watching
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not stop.asked.is_set() or task is None:
                raise
            task.uncancel()
            return True


def spare_the_collector() -> None:
    """What is there now lives as long as the process, and a sync leaves no cycles behind: looking for them less often
    saves a tenth of what a sync takes.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _warn_of_limits_of_nothing(settings: Settings, installed: Collection[str]) -> None:
    """A mistyped name limits nothing; but its plug-in may also be installed elsewhere alone."""
    for name in sorted({*settings.runs_per_process, *settings.runs_per_fleet}.difference(installed)):
        log.warning("The settings limit the runs of %s, but no platform of that name is installed here.", name)


async def until_stopped(stop: StopSignals, *tasks: "asyncio.Task[None]") -> bool:
    """Wait for a signal, or for the end of a task that should not end; whether it was a signal."""
    asked = asyncio.create_task(stop.asked.wait())
    await asyncio.wait({asked, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    for task in tasks:
        if task.done():
            log.critical("The %s ended unexpectedly, so AnselAI stops.", task.get_name(), exc_info=task.exception())
    return not any(task.done() for task in tasks)


async def stop_worker(worker: SyncWorker, running: "asyncio.Task[None]", stop: StopSignals) -> None:
    """Let the running syncs finish within their grace time, or give them back at once on a second signal."""
    worker.stop()
    hurried = asyncio.create_task(stop.hurried.wait())
    await asyncio.wait({running, hurried}, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    worker.stop(at_once=True)
    await asyncio.wait({running})
