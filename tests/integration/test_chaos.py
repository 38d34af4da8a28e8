"""Daemons and database ill-treated in every way that `make chaos` knows, one after another and a little less."""

from pathlib import Path

import pytest

from chaos.faults import Scenario, everything
from chaos.scenario import run
from chaos.server import chaos_server
from chaos.size import SMALL

# The disk need not be waited for, as the machine stays up. What was committed survives the server's own crash: without
# synchronous_commit it would not, and this test would find out.
FAST = {"fsync": "off", "full_page_writes": "off"}
TOGETHER = Scenario(name="everything", fault=everything, seconds=lambda _: 25, through_proxies=True)


@pytest.mark.slow
def test_whatever_happens_to_daemons_and_database_every_slot_ends_once_and_none_is_lost() -> None:
    with chaos_server(FAST) as server:
        result = run(server, TOGETHER, SMALL, Path(server.directory, "daemons"), "everything")
    assert result.verdict.problems == []
    assert (result.verdict.doubled, result.verdict.lost, result.verdict.unaccounted) == (0, 0, 0)
    assert result.verdict.due > 1000
    assert result.verdict.abandoned > 0, "nothing was cut off, so nothing was tried"
    assert result.verdict.again > 0
    assert result.exit_codes == [0] * SMALL.daemons, "\n".join(result.last_words)
