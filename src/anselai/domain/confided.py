"""What platforms' clients were given in confidence: whatever they log, whenever they do, may quote it.

Theirs is the only code that is given open tokens, and the log is the one of the process, whoever opened it.
"""

from collections.abc import Iterable
from typing import Final

from anselai.domain.scrubbing import KnownSecrets
from anselai.domain.secret import Secret

TOKENS: Final = KnownSecrets(most=512)  # of calls that run, and the last of others
SETTINGS: Final = KnownSecrets()  # of platforms; these stay


def confide_tokens(tokens: Iterable[Secret]) -> None:
    """The tokens of a call, known as long as somebody holds them, as who calls does, and for a while after that."""
    TOKENS.add(tokens)


def confide_settings(values: Iterable[Secret]) -> None:
    """The values of a platform's own settings."""
    SETTINGS.add(values)
