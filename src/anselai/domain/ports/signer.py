"""Marking texts as ours."""

from abc import abstractmethod
from typing import Protocol


class Signer(Protocol):
    """Signatures of texts that are handed out and have to come back as they were: a session, a form.

    What was signed for one purpose is not signed for another, and nothing else under the same secret is touched: no
    signature tells anything of the key that seals tokens.
    """

    @abstractmethod
    def sign(self, purpose: str, text: str) -> str:
        """The signature: 43 characters that are safe in an address and in a cookie. The same text has the same one."""

    @abstractmethod
    def is_signed(self, purpose: str, text: str, signature: str) -> bool:
        """Whether that is the signature of this text. Takes as long whether it is or not."""
