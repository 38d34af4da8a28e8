"""SIGINT and SIGTERM: the first asks to stop in order, a second one to hurry."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TWICE_AT_ONCE = 0.5  # seconds: a terminal and a wrapper such as make may both pass on the same Ctrl-C


@dataclass(slots=True, kw_only=True)
class StopSignals:
    """`asked` is set by the first signal, `hurried` by the next."""

    say: Callable[[str], None]
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hurried: asyncio.Event = field(default_factory=asyncio.Event)
    asked_at: float = 0.0
    opening: "asyncio.Task[object] | None" = None

    def receive(self) -> None:
        """What a signal does."""
        now = asyncio.get_running_loop().time()
        if not self.asked.is_set():
            self.asked.set()
            self.asked_at = now
            if self.opening is None:
                self.say("Stopping: requests and syncs that are under way may finish. Ctrl-C again to hurry.")
            else:
                self.say("Stopping.")
                self.opening.cancel()
        elif now - self.asked_at > TWICE_AT_ONCE and not self.hurried.is_set():
            self.hurried.set()
            self.say("Hurrying: syncs that are under way are given back.")

    @contextmanager
    def cancelling(self) -> Iterator[None]:
        """In here a signal cancels the present task, as there is nothing yet that could be stopped in order."""
        self.opening = asyncio.current_task()
        try:
            yield
        finally:
            self.opening = None


@contextmanager
def stop_signals(say: Callable[[str], None]) -> Iterator[StopSignals]:
    """Take the signals over for as long as this lasts. A closed terminal (SIGHUP) stops us too, except under nohup."""
    stop = StopSignals(say=say)
    loop = asyncio.get_running_loop()
    taken = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        taken.append(signal.SIGHUP)
    for each in taken:
        loop.add_signal_handler(each, stop.receive)
    try:
        yield stop
    finally:
        for each in taken:
            loop.remove_signal_handler(each)
