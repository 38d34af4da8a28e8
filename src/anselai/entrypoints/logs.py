"""The log: one line a record, on standard error, and no secret in any."""

import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TextIO

from anselai.domain import confided
from anselai.domain.scrubbing import KnownSecrets, blotted
from anselai.domain.secret import Secret
from anselai.settings import Settings

log = logging.getLogger("anselai")

LINE = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"
CLOCK = "%Y-%m-%d %H:%M:%S"

REPEAT_AFTER = 60.0  # seconds
MOST_REMEMBERED = 1000
NEWS = {"is_news": True}  # as `extra`: told each time, because it is only said when something changed


def alike(*what: object) -> Mapping[str, object]:
    """As `extra`: lines of these words and of equal `what` are repeats, whatever else they tell (a request's id)."""
    return {"alike": what}


class SecretlessFormatter(logging.Formatter):
    """Formats a record, its traceback included, and then blots out these secrets and what plug-ins were told."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        super().__init__(LINE, CLOCK)
        self.secrets = KnownSecrets.of(secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  its name in logging
        return " ".join(super().formatMessage(record).splitlines())

    def format(self, record: logging.LogRecord) -> str:
        return blotted(super().format(record), self.secrets, confided.SETTINGS, confided.TOKENS)


class SpareRepeats(logging.Filter):
    """Lets the same words of a logger through once in REPEAT_AFTER: an outage must not fill the disk.

    Below WARNING only what says what it is alike: strangers cause such lines too, as often as they like.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told_at: dict[tuple[object, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        may_repeat = record.levelno < logging.WARNING and not hasattr(record, "alike")
        if may_repeat or getattr(record, "is_news", False):
            return True
        try:
            words = _words(record)
        except Exception:  # noqa: BLE001  somebody else's text may be broken; that is told where it is written
            return True
        if record.created - self.told_at.get(words, 0.0) < REPEAT_AFTER:
            return False
        self.told_at.pop(words, None)  # to the end: the first is the one that was told the longest ago
        if len(self.told_at) >= MOST_REMEMBERED:
            self.told_at.pop(next(iter(self.told_at)), None)
        self.told_at[words] = record.created
        return True


class CarefulHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error. Of a record that cannot be written it tells where it comes from, and not its words."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  its name in logging
        with suppress(OSError, ValueError):
            place = f"{record.name}, {record.pathname}:{record.lineno}"
            self.stream.write(f"A line of the log cannot be written: {place}\n")


def set_up_logging(settings: Settings) -> None:
    """Ours at the level of the settings; the libraries' only from WARNING on; and whatever nobody catches."""
    handler = CarefulHandler(sys.stderr)
    handler.addFilter(SpareRepeats())
    handler.setFormatter(SecretlessFormatter(settings.secrets))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("anselai").setLevel(settings.log_level)
    _log_what_nobody_catches()


def _log_what_nobody_catches() -> None:
    """What Python would print by itself, and as it is: of the end, of threads, of finalizers, and warnings."""
    sys.excepthook = _tell_the_end
    threading.excepthook = lambda told: _tell("A thread failed.", told.exc_value)
    sys.unraisablehook = lambda told: _tell("Something failed where nobody could be told.", told.exc_value)
    logging.captureWarnings(True)


def _tell_the_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("AnselAI met something unforeseen, and ends.", exc_info=(kind, error, trace))


def _tell(words: str, error: BaseException | None) -> None:
    log.error("%s", words, exc_info=error)


def _words(record: logging.LogRecord) -> tuple[object, ...]:
    what = getattr(record, "alike", None)
    told = record.getMessage() if what is None else (record.msg, *what)
    return record.name, told, repr(record.exc_info[1]) if record.exc_info else None
