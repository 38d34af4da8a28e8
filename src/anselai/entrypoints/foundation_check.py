"""The foundation test behind `anselai check`: everything is tried for real, and nothing is left behind.

The user's own tables are only read, but for one transaction that writes to each of them and is rolled back. Whatever
needs more happens in tables of its own that no other session sees and that are never committed. So even a check that is
killed leaves nothing.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from anselai.application.ansel import Ansel
from anselai.container import (
    address_to_check,
    has_database,
    key_in_use,
    move_schema,
    open_database,
    open_on,
    open_rehearsal,
    try_every_table,
)
from anselai.domain.errors import AnselError
from anselai.domain.scrubbing import scrubbed
from anselai.domain.secret import Secret
from anselai.entrypoints import foundation_steps as steps
from anselai.entrypoints.foundation_calls import every_route
from anselai.entrypoints.start_screen import place_of_data
from anselai.settings import Settings

Say = Callable[[str], None]
T = TypeVar("T")

PATIENCE = 60.0  # seconds for one check


@dataclass(slots=True, kw_only=True)
class Tally:
    """Runs checks one by one, prints a line for each, and remembers whether any failed."""

    say: Say
    secrets: Sequence[Secret]
    failed: bool = False

    async def check(self, name: str, act: Callable[[], Awaitable[T]], tell: Callable[[T], str] = str) -> T | None:
        """What the act gave, or None when it failed: then the line tells why."""
        try:
            async with asyncio.timeout(PATIENCE):
                result = await act()
        except AnselError as error:
            self._fail(name, f"{error} [{error.code}]")
        except TimeoutError:
            self._fail(name, f"took longer than {PATIENCE:.0f} seconds")
        except Exception as error:  # noqa: BLE001  whatever a check meets is its result
            self._fail(name, ": ".join([type(error).__name__, *str(error).splitlines()[:1]]))
        else:
            self._print("ok", name, tell(result))
            return result
        return None

    def _fail(self, name: str, why: str) -> None:
        self.failed = True
        self._print("FAILED", name, why)

    def _print(self, result: str, name: str, told: str) -> None:
        self.say(scrubbed(f"{result:<8}{name:<12}{' '.join(told.split())}", self.secrets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What is checked."""

    settings: Settings
    dsn: Secret
    ansel: Ansel

    def __str__(self) -> str:
        return f"{place_of_data(self.settings)} answers"


async def check_foundation(settings: Settings, *, say: Say, report: Say) -> bool:
    """Print one line a check; whether all of them passed. Works beside a running `serve`, and alone."""
    tally = Tally(say=say, secrets=settings.secrets)
    if await tally.check("settings", lambda: steps.settings(settings)) is None:
        return False
    async with AsyncExitStack() as stack:
        settings = await stack.enter_async_context(_with_a_database(settings, say, report))
        found = await tally.check("database", lambda: stack.enter_async_context(_open(settings, report)))
        if found is None:
            return False
        if await tally.check("schema", lambda: steps.schema(found.ansel)) is not None:
            await tally.check("tables", lambda: try_every_table(found.dsn), steps.tell_tables)
            await tally.check("key", lambda: steps.stored_tokens(found.ansel, key_in_use(found.settings)))
        await tally.check("encryption", lambda: steps.encryption(found.ansel))
        rehearsal = await tally.check(
            "rehearsal",
            lambda: stack.enter_async_context(open_rehearsal(found.dsn)),
            steps.tell_rehearsal,
        )
        if rehearsal is not None:
            await tally.check("connection", lambda: steps.connection(rehearsal))
            await tally.check("sync", lambda: steps.sync(rehearsal))
            await tally.check("next run", lambda: steps.next_runs(rehearsal))
            await tally.check("API", lambda: every_route(rehearsal))
    return not tally.failed


@asynccontextmanager
async def _open(settings: Settings, report: Say) -> AsyncIterator[Foundation]:
    async with open_database(settings, report=report) as owners:
        dsn = await address_to_check(settings, owners)
        async with open_on(dsn, settings) as ansel:
            await ansel.health.ping()
            yield Foundation(settings=settings, dsn=dsn, ansel=ansel)


@asynccontextmanager
async def _with_a_database(settings: Settings, say: Say, report: Say) -> AsyncIterator[Settings]:
    """These settings; or, before the first start, the same with a data folder that is thrown away afterwards."""
    if has_database(settings):
        yield settings
        return
    say(f"There is no database in {settings.data_dir} yet (anselai serve makes it), so a temporary one is checked.")
    with tempfile.TemporaryDirectory(prefix="anselai-check-") as folder:
        temporary = replace(settings, data_dir=Path(folder))
        async with open_database(temporary, report=report):
            await move_schema(temporary, report=report)
            yield temporary
