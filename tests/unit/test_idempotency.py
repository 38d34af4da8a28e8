"""Idempotency keys, as users of the library give them."""

import pytest

from anselai.container import open_in_memory
from anselai.domain.errors import InvalidInput
from anselai.domain.idempotency import check_idempotency_key


@pytest.mark.parametrize("key", ["", " ", "two words", "a\n", "\x00", "\x7f", "ü", "a" * 256, 7, b"bytes"])
def test_a_key_that_is_not_visible_ascii_is_refused_and_not_quoted(key: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_idempotency_key(key)
    [problem] = refused.value.problems
    assert problem.path == "Idempotency-Key"
    assert problem.message == "must be 1 to 255 visible ASCII characters, for example a UUID"


@pytest.mark.parametrize("key", ["!", "~" * 255, "8e03978e-40d5-43dd-bc93-6894a57f9324", "%s';--\\"])
def test_any_visible_ascii_is_a_key(key: str) -> None:
    check_idempotency_key(key)


async def test_a_sync_with_a_bad_key_is_not_queued() -> None:
    async with open_in_memory() as ansel:
        await ansel.connections.save_connection("google", access_token="access-1")
        with pytest.raises(InvalidInput, match="Idempotency-Key"):
            await ansel.scheduler.run_sync_now("google", idempotency_key="two words")
        assert (await ansel.scheduler.status()).queued == 0


async def test_a_sync_with_its_key_is_the_same_job_when_it_has_ended() -> None:
    async with open_in_memory() as ansel:
        await ansel.connections.save_connection("google", access_token="access-1")
        first = await ansel.scheduler.run_sync_now("google", idempotency_key="k")
        await ansel.worker.drain()
        again = await ansel.scheduler.run_sync_now("google", idempotency_key="k")
        assert (again.id, again.state, again.deduplicated) == (first.id, "succeeded", True)
