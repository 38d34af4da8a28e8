"""How batches travel: as one JSON parameter, which the statement unfolds with json_to_recordset.

docs/decisions/0002-sql-text-for-batches.md says why.
"""

from collections.abc import Sequence

import msgspec

from anselai.domain.text import storable


def encoded(batch: Sequence[object]) -> str:
    """Dataclasses or mappings as a JSON array, with U+FFFD for what PostgreSQL cannot store in a text."""
    json = encoded_as_it_is(batch)
    return msgspec.json.encode(storable(batch)).decode() if json is None else json


def encoded_as_it_is(batch: Sequence[object]) -> str | None:
    """None for a batch with something in its texts that PostgreSQL cannot store."""
    try:
        json = msgspec.json.encode(batch)
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return None if rb"\u0000" in json else json.decode()
