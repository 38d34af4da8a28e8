"""What platforms' clients were given in confidence: whatever they log, whenever they do, may quote it.

Theirs is the only code that is given open tokens, and the log is the one of the process, whoever opened it.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from anselai.domain.secret import Secret

_MOST: Final = 256  # more than run at once; each line of the log is searched for all of them
_LAST: Final[deque[tuple[Secret, ...]]] = deque(maxlen=_MOST)
_SETTINGS: Final[set[Secret]] = set()


def confide_tokens(tokens: tuple[Secret, ...]) -> None:
    """The tokens of a call, which are soon replaced by those of later calls."""
    _LAST.append(tokens)


def confide_settings(values: Iterable[Secret]) -> None:
    """The values of a platform's own settings, which stay."""
    _SETTINGS.update(values)


def confided() -> set[Secret]:
    """All of it, as far back as it is known."""
    return _SETTINGS.union(*_LAST)
