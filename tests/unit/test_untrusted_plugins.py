"""What a plug-in gives us to keep, in its batches and in its failures, is looked at first."""

from base64 import b64encode
from collections.abc import AsyncIterator

import pytest

from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.domain.errors import AuthFailure, PermanentFailure
from anselai.domain.ports.platform_client import Batch
from anselai.domain.sync_job import Outcome
from tests.samples import a_post
from tests.unit.scripted_flickr import Flickr, metric, rows


@pytest.fixture
def flickr() -> Flickr:
    return Flickr()


@pytest.fixture
async def ansel(flickr: Flickr) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr]) as opened:
        await opened.connections.save_connection(
            "flickr", access_token="access-4b7f29d1c03e", refresh_token="refresh-8e15a6c2d970"
        )
        yield opened


class GraphError(PermanentFailure):
    """As a plug-in has it, whose platform tells a number, and a class of its own."""

    def __init__(self, code: object) -> None:
        super().__init__("refused")
        vars(self).update(code=code, failure_class=code)


@pytest.mark.parametrize("code", ["access-4b7f29d1c03e", 190, None])
async def test_what_a_plug_ins_failure_says_of_itself_is_told_as_that_of_its_kind(
    ansel: Ansel, flickr: Flickr, code: object
) -> None:
    flickr.scripts = [[GraphError(code)]]
    queued = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    [row] = await rows(ansel)
    assert (row.outcome, row.error_class, row.error_code) == (Outcome.FAILED, "permanent", "PLATFORM_REFUSED")
    assert (await ansel.scheduler.get_job(queued.id)).error_code == "PLATFORM_REFUSED"


@pytest.mark.parametrize(
    "batch",
    [
        Batch(cursor="https://graph.example/me?access_token=access-4b7f29d1c03e&after=7", has_more=True),
        Batch(cursor=b64encode(b"7:refresh-8e15a6c2d970").decode()),
        Batch(
            records=[a_post("post", permalink="https://flickr.example/7?access_token=access-4b7f29d1c03e")],
            cursor="end",
        ),
        Batch(records=[metric(1), a_post("post", extra={"next": [{"access-4b7f29d1c03e": 1}]})], cursor="end"),
        Batch(records=[a_post("post", hashtags=("access-4b7f29d1c03e",))], cursor="end"),
    ],
)
async def test_a_batch_with_a_token_in_it_is_not_kept(ansel: Ansel, flickr: Flickr, batch: Batch) -> None:
    flickr.scripts = [[batch]]
    queued = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    [row] = await rows(ansel)
    assert (row.outcome, row.error_code, row.records) == (Outcome.FAILED, "PLATFORM_CLIENT_BUG", 0)
    assert "with a token in it: " in (row.message or "")
    again = await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert (queued.id == again.id, flickr.cursors) == (False, [None, None])


async def test_nor_is_one_with_a_token_that_was_replaced_meanwhile(ansel: Ansel, flickr: Flickr) -> None:
    flickr.scripts = [[AuthFailure("401")], [Batch(cursor="after access-4b7f29d1c03e")]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert [row.error_code for row in await rows(ansel)] == ["PLATFORM_CLIENT_BUG"]


async def test_what_is_no_longer_than_an_id_may_stand_in_one_by_chance(ansel: Ansel, flickr: Flickr) -> None:
    await ansel.connections.update_connection("flickr", access_token="1234567", refresh_token="7654321")
    flickr.scripts = [[Batch(records=[a_post("post", permalink="https://flickr.example/12345678")], cursor="7654321")]]
    await ansel.scheduler.run_sync_now("flickr")
    await ansel.worker.drain()
    assert [row.outcome for row in await rows(ansel)] == [Outcome.SUCCEEDED]
