"""Idempotency keys: a request that is repeated with its key asks for the job that it asked for the first time.

The header is that of draft-ietf-httpapi-idempotency-key-header.
"""

import re
from datetime import timedelta
from typing import Final

from anselai.domain.errors import InvalidInput

KEY_HOLDS: Final = timedelta(hours=24)
# Of one studio within that time: ten times what 40 platforms take that are synced every hour, each with a new key. It
# bounds what somebody can fill the store with who makes keys up. One more is refused, since to forget an older key
# instead would break the promise that was made for it.
MOST_KEYS: Final = 10_000

_VISIBLE_ASCII: Final = re.compile("[!-~]{1,255}")


def check_idempotency_key(key: object) -> None:
    """Raises InvalidInput. The key is not quoted."""
    if not isinstance(key, str) or not _VISIBLE_ASCII.fullmatch(key):
        raise InvalidInput.of("Idempotency-Key", "must be 1 to 255 visible ASCII characters, for example a UUID")
