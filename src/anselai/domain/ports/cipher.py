"""Sealing tokens."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from anselai.domain.connection import ConnectionKey, SealedToken, TokenField
from anselai.domain.secret import Secret

_NAMED_KEY: Final = re.compile(r"v[0-9]\.([0-9a-f]{12})\.")


@dataclass(frozen=True, slots=True)
class TokenBinding:
    """Where a sealed token belongs. It opens nowhere else."""

    key: ConnectionKey
    field: TokenField


class TokenCipher(Protocol):
    """Authenticated encryption of tokens with associated data, under a ring of keys.

    A sealed text is `version.key-id.payload`, so that everybody can see which key it needs, and nobody more. No method
    does I/O that could be slow: keys that come from elsewhere are fetched before a cipher is made of them.
    """

    @abstractmethod
    def key_ids(self) -> Sequence[str]:
        """The ids of the keys that open, each once; the first is the primary key, which seals."""

    @abstractmethod
    def seal(self, token: Secret, binding: TokenBinding) -> SealedToken:
        """Seal the token so that only the same binding opens it. Sealing twice gives two different texts."""

    @abstractmethod
    def open(self, sealed: SealedToken, binding: TokenBinding) -> Secret:
        """Open a sealed token. Raises TokenUnreadable, whatever the reason: tampered, moved, or an unknown key.

        Every refusal costs the same work, so that its time tells no reason either.
        """


def key_id_of(sealed: SealedToken) -> str:
    """The id of the key that a sealed text needs; empty for a text that names none.

    Nothing else is taken for an id: of a token that lies there in plain text no part is to be told.
    """
    named = _NAMED_KEY.match(sealed)
    return named[1] if named else ""
