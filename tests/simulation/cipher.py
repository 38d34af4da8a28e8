"""Tokens in plain text: sealing is proven elsewhere, and costs time here."""

from collections.abc import Sequence

from anselai.domain.connection import SealedToken
from anselai.domain.ports.cipher import TokenBinding, TokenCipher
from anselai.domain.secret import Secret


class PlainCipher(TokenCipher):
    def key_ids(self) -> Sequence[str]:
        return ("plain",)

    def seal(self, token: Secret, binding: TokenBinding) -> SealedToken:
        return SealedToken(f"{binding.field}:{token.reveal()}")

    def open(self, sealed: SealedToken, binding: TokenBinding) -> Secret:
        field, _, text = sealed.partition(":")
        assert field == binding.field
        return Secret(text)
