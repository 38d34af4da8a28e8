"""The ring of a process in the name of its sessions: the server itself knows who is alive, and nobody has to report.

A name has 63 bytes. What does not fit is left out and said to be so.
"""

import re
from collections.abc import Sequence
from typing import Final

from anselai.domain.ports.sealed_tokens import IN_FILES

DIGITS: Final = 8  # of each key id
_LONGEST: Final = 63
_MORE: Final = "+"
_RING: Final = re.compile(rf" keys ((?:{IN_FILES}|[0-9a-f]{{8}})(?:,[0-9a-f]{{8}})*\+?)$")


def named(name: str, key_ids: Sequence[str]) -> str:
    """The name of sessions of a process with these keys, the primary first."""
    if not key_ids:
        return name
    name = name.encode("ascii", "replace").decode()[:20]
    fit = (_LONGEST - len(name) - len(" keys ") - len(_MORE)) // (DIGITS + 1)
    told = ",".join(each[:DIGITS] for each in key_ids[:fit])
    return f"{name} keys {told}{_MORE if len(key_ids) > fit else ''}"


def ring_in(name: str) -> tuple[str, ...] | None:
    """The ring that a session's name tells; `+` as the last where some key ids did not fit. None: it tells none."""
    found = _RING.search(name)
    if found is None:
        return None
    ring = tuple(found[1].removesuffix(_MORE).split(","))
    return (*ring, _MORE) if found[1].endswith(_MORE) else ring
