"""How batches travel: as one JSON parameter, which the statement unfolds with json_to_recordset.

docs/decisions/0002-sql-text-for-batches.md says why.
"""

import re
from collections.abc import Sequence

import msgspec

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACEMENT = rb"\1\\ufffd"


def encoded(batch: Sequence[object]) -> str:
    """Dataclasses or mappings as a JSON array. A NUL, which PostgreSQL cannot store in a text, becomes U+FFFD."""
    json = msgspec.json.encode(batch)
    if rb"\u0000" in json:
        json = _NUL.sub(_REPLACEMENT, json)
    return json.decode()
