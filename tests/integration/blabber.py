"""A platform whose client says, each time in another way, everything that it was told in confidence."""

import asyncio
import base64
import logging
import threading
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote_plus

from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.errors import (
    AnswerLost,
    AuthFailure,
    InvalidInput,
    PermanentFailure,
    RateLimited,
    TransientFailure,
)
from anselai.domain.frequency import Frequency
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformClient, PlatformConfig, PlatformInfo
from anselai.domain.ports.platform_client import Verification as Verified
from anselai.domain.records import Content
from tests.canaries import spellings

log = logging.getLogger("blabber.client")
SETTING = "BLABBER_APP"  # a secret whose name does not say so
Way = Callable[[str], None]


def raising(kind: Callable[[str], Exception]) -> Way:
    def way(told: str) -> None:
        raise kind(told)

    return way


def in_its_own_code(told: str) -> None:
    error = PermanentFailure("refused")
    vars(error).update(code=told, failure_class=told)
    raise error


def with_a_number_for_its_code(told: str) -> None:
    error = TransientFailure(told)
    vars(error).update(code=190)
    raise error


def in_base64(told: str) -> None:
    header = base64.b64encode(told.encode()).decode()
    raise ConnectionError(f"401 for {{'Authorization': 'Basic {header}'}}")


def in_a_url(told: str) -> None:
    raise ConnectionError(f"GET https://blabber.example/me?q={quote_plus(told)}&x=1 failed")


def as_a_cause(told: str) -> None:
    try:
        raise KeyError(told)
    except KeyError as error:
        raise TimeoutError("no answer") from error


def as_a_context(told: str) -> None:
    try:
        raise KeyError(told)
    except KeyError:
        raise OSError(f"cut off after {told}")  # noqa: B904


def in_a_note(told: str) -> None:
    error = ValueError(f"refused: {told}")
    error.add_note(f"sent was {told}")
    raise error


def in_a_group(told: str) -> None:
    raise ExceptionGroup(told, [ValueError(told), OSError(told)])


def in_the_log(told: str) -> None:
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "asked with %s", told)
    try:
        in_a_group(told)
    except ExceptionGroup:
        log.exception("it failed with %r", told)


def in_a_broken_line_of_the_log(told: str) -> None:
    log.error("%d tokens", told)


def in_a_task_that_is_left_behind(told: str) -> None:
    async def fail() -> None:
        raise ValueError(told)

    task = asyncio.get_running_loop().create_task(fail(), name="forgotten")
    task.add_done_callback(lambda _: None)


def in_a_callback(told: str) -> None:
    def fail() -> None:
        raise ValueError(told)

    asyncio.get_running_loop().call_soon(fail)


def in_what_python_itself_tells(told: str) -> None:
    """Of a thread, of a warning and of a finalizer; and then nothing went wrong."""

    class Broken:
        def __del__(self) -> None:
            raise ValueError(told)

    thread = threading.Thread(target=raising(OSError), args=[told])
    thread.start()
    thread.join()
    warnings.warn(told, stacklevel=2)
    Broken()


def in_every_spelling(told: str) -> None:
    spelt = " ".join(each for how, each in spellings(told) if how != "in part" and "base64" not in how)
    log.error("it failed with %s", spelt)
    raise PermanentFailure(spelt)


WAYS: tuple[Way, ...] = (
    raising(ValueError),
    raising(RuntimeError),
    raising(TransientFailure),
    raising(RateLimited),
    raising(PermanentFailure),
    raising(AnswerLost),
    raising(AuthFailure),
    raising(lambda told: InvalidInput.of("fields", told)),
    in_its_own_code,
    with_a_number_for_its_code,
    in_base64,
    in_a_url,
    as_a_cause,
    as_a_context,
    in_a_note,
    in_a_group,
    in_the_log,
    in_a_broken_line_of_the_log,
    in_a_task_that_is_left_behind,
    in_a_callback,
    in_every_spelling,
)
TURNS = cycle((in_what_python_itself_tells, *WAYS))


def each_in_its_turn(told: str) -> None:
    """For processes, whose calls no test can choose."""
    next(TURNS)(told)


def install(folder: Path) -> dict[str, str]:
    """The settings of processes that find the plug-in in this folder."""
    installed = folder / "blabber-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: blabber\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[anselai.platforms]\nblabber = {__name__}:Blabber\n")
    return {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}


@dataclass(slots=True)
class Blabber(PlatformClient):
    config: PlatformConfig
    info: ClassVar[PlatformInfo] = PlatformInfo(name="blabber", label="Blabber", settings=(SETTING,))
    way: ClassVar[Way] = each_in_its_turn

    def blab(self, credentials: Credentials) -> str:
        kept = [each.reveal() for each in (*credentials.tokens, *self.config.values.values())]
        told = " and ".join(kept)
        Blabber.way(told)
        return told

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verified:
        return Verified(ok=False, reason=self.blab(credentials))

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        self.blab(credentials)
        return Credentials(
            access_token=credentials.access_token,
            refresh_token=credentials.refresh_token,
            expires_at=now + timedelta(hours=1),
        )

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        told = self.blab(request.credentials)
        if request.frequency is Frequency.DAILY:
            yield Batch(cursor=f"https://blabber.example/?{told}")
        yield Batch(records=[post(request.now, told)], cursor="end")


def post(now: datetime, told: str) -> Content:
    return Content(account_id="blabber", external_id="1", content_type="post", as_of=now, extra={"next": [told]})
