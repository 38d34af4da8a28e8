"""How the end of a job lengthens or ends its schedule's failures in a row: parts of the statements that end jobs.

A schedule has one job at a time, so those who end jobs never wait for each other's schedules. A planner that queues the
next job of the same schedule in that very moment waits for the old one to end, and may make a deadlock of it: then the
server undoes one of the two, which Database.act repeats. The version moves: who saves or plans a schedule that he read
before has to read it again.
"""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

import logging
from collections.abc import Sequence
from typing import Any, Final

from anselai.adapters.postgres.database import Row
from anselai.domain.connection import ConnectionKey
from anselai.domain.failure_streak import DISABLE_AFTER, REASON, WARN_AFTER, notice
from anselai.domain.frequency import Frequency

log = logging.getLogger("anselai.jobs")

_OF_ENDED: Final = "s.studio = ended.studio AND s.platform = ended.platform AND s.frequency = ended.frequency"


def _reason(failures: str) -> str:
    return f"format('{REASON.format('%%s', '%%s')}', {failures}, ended.cause)"


def lengthened(*, of: str) -> str:
    """The schedules of jobs that failed with a `cause`, each with a `notice` for the daemon's log, or NULL."""
    one_more = "s.failures_in_row + 1"
    return f"""
    UPDATE sync_schedules s SET
        version = s.version + 1, failures_in_row = {one_more},
        enabled = s.enabled AND {one_more} < {DISABLE_AFTER},
        disabled_reason = CASE
            WHEN s.enabled AND {one_more} >= {DISABLE_AFTER} THEN {_reason(one_more)} ELSE s.disabled_reason
        END
    FROM {of} AS ended
    WHERE {_OF_ENDED}
    RETURNING CASE
        WHEN CASE WHEN s.enabled THEN s.failures_in_row = {WARN_AFTER}
            ELSE s.disabled_reason = {_reason("s.failures_in_row")} END
        THEN ARRAY[s.studio, s.platform, s.frequency, s.failures_in_row::text, s.disabled_reason]
    END AS notice
"""


def forgotten(*, of: str) -> str:
    """The schedules of jobs that succeeded after failures. A success after a success changes no row."""
    return f"""
    UPDATE sync_schedules s SET version = s.version + 1, failures_in_row = 0
    FROM {of} AS ended
    WHERE {_OF_ENDED} AND s.failures_in_row > 0
"""


def without_notices(rows: Sequence[Row]) -> Sequence[Any]:
    """The ids in rows of an id or a notice. The notices are logged: this is the process that learned them."""
    for _, told, *_ in rows:
        if told is not None:
            studio, platform, frequency, failures, reason = told
            log.warning("%s", notice(ConnectionKey(studio, platform), Frequency(frequency), int(failures), reason))
    return [row[0] for row in rows if row[0] is not None]
