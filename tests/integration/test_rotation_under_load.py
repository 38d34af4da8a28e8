"""A rotation while a process of its own reads and refreshes. `make rotation` does it with a million connections."""

from collections.abc import AsyncIterator

import pytest

from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from bench.ours.token_load import TokenLoad
from bench.rotation import fill, rotate_under_load

ROWS = 3000


def test_no_read_fails_and_no_update_is_lost_while_keys_rotate(owners_url: str, database_url: str) -> None:
    fill(owners_url, ROWS)
    report = rotate_under_load(database_url, ROWS)
    assert report.seen["reads"] > 0
    assert report.seen["refreshes"] > 0
    assert report.holds, "\n".join(report.lines())


@pytest.fixture
async def ansel() -> AsyncIterator[Ansel]:
    async with open_in_memory() as opened:
        yield opened


async def test_only_what_begins_beside_the_rotation_is_taken_for_load(ansel: Ansel) -> None:
    work = TokenLoad(ansel=ansel, rows=1)
    before = work.done
    before["reads"] += 1
    work.wrong["failed reads"] += 1
    work.rotation_begins()
    before["reads"] += 1
    assert (work.done["reads"], work.wrong["failed reads"]) == (0, 1)
