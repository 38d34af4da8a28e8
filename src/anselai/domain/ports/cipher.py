"""Sealing tokens."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from anselai.domain.connection import ConnectionKey, SealedToken, TokenField
from anselai.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class TokenBinding:
    """Where a sealed token belongs. It opens nowhere else."""

    key: ConnectionKey
    field: TokenField


class TokenCipher(Protocol):
    """Authenticated encryption of tokens with associated data."""

    @abstractmethod
    def seal(self, token: Secret, binding: TokenBinding) -> SealedToken:
        """Seal the token so that only the same binding opens it. Sealing twice gives two different texts."""

    @abstractmethod
    def open(self, sealed: SealedToken, binding: TokenBinding) -> Secret:
        """Open a sealed token. Raises TokenUnreadable, whatever the reason: tampered, moved, or an unknown key."""
