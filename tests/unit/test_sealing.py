"""Tokens are sealed so that they open only where they belong, with the key that sealed them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_key, generate_secret, parse_secret
from anselai.domain.connection import ConnectionKey, SealedToken, TokenField
from anselai.domain.errors import InvalidSettings, TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding
from anselai.domain.secret import Secret

GOOGLE = ConnectionKey("default", "google")
ACCESS = TokenBinding(GOOGLE, "access_token")
CIPHER = AesGcmCipher(key=derive_key(generate_secret()))


@given(st.text(max_size=300))
def test_a_sealed_token_opens_again(text: str) -> None:
    if any(0xD800 <= ord(each) <= 0xDFFF for each in text):
        return  # lone surrogates are no text
    assert CIPHER.open(CIPHER.seal(Secret(text), ACCESS), ACCESS).reveal() == text


def test_sealing_twice_gives_two_texts_and_neither_shows_the_token() -> None:
    token = "canary-token-0123456789"
    first, second = (CIPHER.seal(Secret(token), ACCESS) for _ in range(2))
    assert first != second
    for sealed in (first, second):
        payload = bytes.fromhex(sealed.split(".")[2])
        assert token not in sealed
        assert token.encode() not in payload


def test_sealed_text_names_its_version_and_key() -> None:
    version, key_id, _ = CIPHER.seal(Secret("token"), ACCESS).split(".")
    assert (version, key_id) == ("v1", CIPHER.key.id)


@pytest.mark.parametrize(
    ("studio", "platform", "field"),
    [("other", "google", "access_token"), ("default", "meta", "access_token"), ("default", "google", "refresh_token")],
)
def test_a_token_moved_to_another_studio_platform_or_field_is_refused(
    studio: str, platform: str, field: TokenField
) -> None:
    sealed = CIPHER.seal(Secret("token"), ACCESS)
    with pytest.raises(TokenUnreadable):
        CIPHER.open(sealed, TokenBinding(ConnectionKey(studio, platform), field))


def test_every_flipped_bit_is_noticed() -> None:
    sealed = CIPHER.seal(Secret("token"), ACCESS).encode()
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TokenUnreadable):
            CIPHER.open(SealedToken(flipped.decode("latin-1")), ACCESS)


def test_a_cut_relabelled_or_foreign_text_is_refused() -> None:
    sealed = CIPHER.seal(Secret("token"), ACCESS)
    _, key_id, payload = sealed.split(".")
    spoiled = [sealed[:length] for length in range(len(sealed))]
    spoiled += [
        sealed + "A",
        sealed + "\n",
        f"v2.{key_id}.{payload}",
        f"v1.AAAAAAAA.{payload}",
        "ü",
        "v1..",
        "..",
        "\0",
    ]
    for text in spoiled:
        with pytest.raises(TokenUnreadable):
            CIPHER.open(SealedToken(text), ACCESS)


def test_another_key_opens_nothing() -> None:
    other = AesGcmCipher(key=derive_key(generate_secret()))
    with pytest.raises(TokenUnreadable):
        other.open(CIPHER.seal(Secret("token"), ACCESS), ACCESS)


def test_the_key_itself_is_never_printed() -> None:
    secret = generate_secret()
    key = derive_key(secret)
    for text in (repr(key), repr(AesGcmCipher(key=key)), repr(secret), str(secret)):
        assert secret.reveal() not in text
        assert repr(key.key) not in text


def test_a_key_may_be_given_as_characters_hex_or_base64() -> None:
    raw = bytes(range(100, 132))
    assert parse_secret(Secret(raw.hex())) == raw
    assert parse_secret(Secret(base64.b64encode(raw).decode())) == raw
    assert parse_secret(Secret(base64.urlsafe_b64encode(raw).decode().rstrip("="))) == raw
    assert parse_secret(Secret("Tf9#kQ2!vX7@mZ4$wL8%bN3^hJ6&pR1*")) == b"Tf9#kQ2!vX7@mZ4$wL8%bN3^hJ6&pR1*"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "a" * 32,
        "0" * 64,
        "your-32-character-encryption-key",
        "change-me-please-change-me-pleas",
        "0123456789abcdef0123456789abcdef",
        "abababababababababababababababab",
        "Tf9#kQ2!vX7@mZ4$wL8%bN3^hJ6&pR1*x",
        "zz" * 32,
    ],
)
def test_a_short_or_made_up_key_is_refused_with_the_command_that_makes_a_good_one(text: str) -> None:
    with pytest.raises(InvalidSettings, match="anselai key generate") as refused:
        parse_secret(Secret(text))
    assert not text or text not in str(refused.value)


def test_a_generated_key_is_always_a_good_one() -> None:
    for _ in range(2000):
        parse_secret(generate_secret())
