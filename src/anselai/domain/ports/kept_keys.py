"""Older encryption keys that are kept here, and not by an operator."""

from abc import abstractmethod
from typing import Protocol

from anselai.domain.secret import Secret


class KeptKeys(Protocol):
    """The older keys beside the embedded database. Both methods raise InvalidSettings when they cannot be written."""

    @abstractmethod
    def forget(self, key_id: str) -> Secret | None:
        """Forget an older key; what was forgotten, for whoever has to bring it back, or None: none is kept."""

    @abstractmethod
    def bring_back(self, key: Secret) -> None:
        """Keep a key that was forgotten again."""
