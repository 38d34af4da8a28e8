"""Signatures of what is handed out and comes back."""

import pytest

from anselai.adapters.crypto.hmac_signer import HmacSigner
from anselai.adapters.crypto.keyring import generate_secret

TEXTS = ["", "1.session", "é\udcff", "x" * 10_000]


@pytest.fixture
def signer() -> HmacSigner:
    return HmacSigner(secret=generate_secret())


@pytest.mark.parametrize("text", TEXTS)
def test_what_was_signed_is_signed(signer: HmacSigner, text: str) -> None:
    signature = signer.sign("session", text)
    assert (len(signature), signature.replace("-", "").replace("_", "").isalnum()) == (43, True)
    assert signer.is_signed("session", text, signature)


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_else_is(signer: HmacSigner, text: str) -> None:
    signature = signer.sign("session", text)
    other = HmacSigner(secret=generate_secret())
    assert not signer.is_signed("form", text, signature), "another purpose"
    assert not signer.is_signed("session", text + "x", signature), "another text"
    assert not other.is_signed("session", text, signature), "another encryption key"
    for wrong in ("", signature[:-1], signature + "A", signature.swapcase(), "é\udcff", "A" * 43):
        assert not signer.is_signed("session", text, wrong)


def test_a_purpose_and_a_text_cannot_be_taken_for_others(signer: HmacSigner) -> None:
    assert signer.sign("a", "bc") != signer.sign("ab", "c")


def test_a_signer_prints_no_key(signer: HmacSigner) -> None:
    signer.sign("session", "text")
    assert signer.secret.reveal() not in repr(signer)
    assert "keys" not in repr(signer)
