"""Pages of the log, and the cursors that lead from one to the next."""

import base64
import binascii
from dataclasses import replace

from anselai.application.views import LogPage
from anselai.domain.errors import InvalidInput
from anselai.domain.ports.sync_log import LogQuery, SyncLog

LARGEST_PAGE = 200


async def read_page(sync_log: SyncLog, query: LogQuery, cursor: str | None) -> LogPage:
    """As many rows as the query's limit says, from the cursor on. Raises InvalidInput, StoreUnavailable."""
    if not 1 <= query.limit <= LARGEST_PAGE:
        raise InvalidInput.of("limit", f"must be from 1 to {LARGEST_PAGE}")
    before_id = None if cursor is None else decode_cursor(cursor)
    # One row more tells whether there is a next page.
    rows = await sync_log.query(replace(query, limit=query.limit + 1, before_id=before_id))
    page = tuple(rows[: query.limit])
    return LogPage(entries=page, next_cursor=encode_cursor(page[-1].id) if len(rows) > query.limit else None)


def encode_cursor(row_id: int) -> str:
    return base64.urlsafe_b64encode(str(row_id).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    try:
        row_id = int(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        row_id = -1
    if not 0 < row_id < 2**63:
        raise InvalidInput.of("cursor", "is not a cursor of this log: use the nextCursor of a page")
    return row_id
