"""A daemon outlives its database and its bugs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from anselai.domain.errors import AnselError, StoreUnavailable

T = TypeVar("T")
log = logging.getLogger("anselai.worker")


async def surviving(act: Callable[[], Awaitable[T]], pause: timedelta) -> T | None:
    """The result of the act, or None after a pause when it failed, whatever it raised."""
    try:
        return await act()
    except AnselError as error:
        is_away = error.code == StoreUnavailable.code
        log.warning("The database does not answer; trying again." if is_away else f"{error.code}: {error}")
    except Exception:
        log.exception("The scheduler met something unforeseen and goes on.")
    await asyncio.sleep(pause.total_seconds())
    return None
