"""Tokens are sealed so that they open only where they belong, with the key that sealed them."""

import base64
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_key, derive_ring, generate_secret, parse_secret
from anselai.domain.connection import ConnectionKey, SealedToken
from anselai.domain.errors import InvalidSettings, TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding, key_id_of
from anselai.domain.secret import Secret
from tests.samples import OF_BEFORE

GOOGLE = ConnectionKey("default", "google")
ACCESS = TokenBinding(GOOGLE, "access_token")
TAG = 16
CIPHER = AesGcmCipher(derive_ring(generate_secret()))


class CountingAead:
    """AES-GCM that counts the decryptions that cost something: what has no tag is refused before any work."""

    made: ClassVar[list[int]] = []

    def __init__(self, key: bytes) -> None:
        self.real = AESGCM(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        return self.real.encrypt(nonce, data, associated_data)

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        if len(data) >= TAG:
            self.made.append(len(data))
        return self.real.decrypt(nonce, data, associated_data)


def test_a_key_that_a_list_of_older_ones_cannot_hold_is_given_there_as_hex_of_the_same_bytes() -> None:
    text = "a-walk, in 9 fields of barley..."
    assert derive_key(Secret(text.encode().hex())) == derive_key(Secret(text))
    with pytest.raises(
        InvalidSettings, match="a comma or a space in it has to be given as the hex or base64"
    ) as refused:
        derive_ring(generate_secret(), [Secret(each) for each in text.replace(",", " ").split()])
    assert "barley" not in str(refused.value)


def test_every_refusal_costs_one_attempt_over_as_much_data_as_was_given() -> None:
    first, second = generate_secret(), generate_secret()
    cipher = AesGcmCipher(derive_ring(first, [second]), new_aead=CountingAead)
    stranger = AesGcmCipher(derive_ring(generate_secret()))
    sealed = cipher.seal(Secret("x" * 100), ACCESS)
    version, key_id, payload = sealed.split(".")
    refused = {
        "moved": (sealed, TokenBinding(ConnectionKey("other", "google"), "access_token")),
        "another field": (sealed, TokenBinding(GOOGLE, "refresh_token")),
        "a flipped bit": (f"{version}.{key_id}.{payload[:-1]}{'0' if payload[-1] != '0' else '1'}", ACCESS),
        "another version": (f"v2.{key_id}.{payload}", ACCESS),
        "another key's label": (f"{version}.{derive_ring(second).primary.id}.{payload}", ACCESS),
        "an unknown key": (stranger.seal(Secret("x" * 100), ACCESS), ACCESS),
        "capitals": (f"{version}.{key_id}.{payload.upper()}", ACCESS),
        "no hex": (f"{version}.{key_id}.{'z' * len(payload)}", ACCESS),
    }
    for what, (text, binding) in refused.items():
        CountingAead.made.clear()
        with pytest.raises(TokenUnreadable):
            cipher.open(SealedToken(text), binding)
        assert CountingAead.made == [100 + TAG], what
    for length in range(len(sealed)):
        CountingAead.made.clear()
        with pytest.raises(TokenUnreadable):
            cipher.open(SealedToken(sealed[:length]), ACCESS)
        assert len(CountingAead.made) == 1, f"cut to {length}"


def test_sealed_text_is_version_key_id_and_a_payload_with_a_nonce_of_its_own() -> None:
    texts = [CIPHER.seal(Secret("token"), ACCESS).split(".") for _ in range(1000)]
    assert {(version, key_id) for version, key_id, _ in texts} == {("v1", CIPHER.ring.primary.id)}
    assert len({bytes.fromhex(payload)[:12] for _, _, payload in texts}) == 1000


def test_a_ring_opens_with_every_key_and_seals_with_the_first() -> None:
    secrets = [generate_secret() for _ in range(4)]
    sealed = [AesGcmCipher(derive_ring(each)).seal(Secret("token"), ACCESS) for each in secrets]
    ring = AesGcmCipher(derive_ring(secrets[2], secrets))
    assert [ring.open(each, ACCESS).reveal() for each in sealed] == ["token"] * 4
    assert key_id_of(ring.seal(Secret("token"), ACCESS)) == derive_key(secrets[2]).id == ring.key_ids()[0]
    assert len(ring.key_ids()) == 4


def test_what_an_earlier_release_sealed_still_opens() -> None:
    cipher = AesGcmCipher(derive_ring(generate_secret(), [OF_BEFORE.encryption_key]))
    assert cipher.open(OF_BEFORE.access_token, ACCESS) == OF_BEFORE.opened_access
    assert cipher.open(OF_BEFORE.refresh_token, TokenBinding(GOOGLE, "refresh_token")) == OF_BEFORE.opened_refresh


def test_every_seal_is_counted_for_its_key_and_no_opening() -> None:
    cipher = AesGcmCipher(derive_ring(generate_secret()))
    for _ in range(10):
        cipher.open(cipher.seal(Secret("token"), ACCESS), ACCESS)
    assert {key_id: seals.made for key_id, seals in cipher.tally.keys.items()} == {cipher.key_ids()[0]: 10}


def test_a_key_id_tells_nothing_of_the_key() -> None:
    key = derive_key(generate_secret())
    assert len(key.id) == 12
    assert key.id not in key.key.reveal()


def test_the_key_itself_is_never_printed() -> None:
    secret = generate_secret()
    key = derive_key(secret)
    cipher = AesGcmCipher(derive_ring(secret))
    for text in (repr(key), repr(cipher), repr(cipher.ring), repr(secret), str(secret)):
        assert secret.reveal() not in text
        assert key.key.reveal() not in text


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
        "3f 91 c7 " + " " * 42 + "5a 08 d2 b6 e4",  # 64 characters, and only 8 bytes
    ],
)
def test_a_short_or_made_up_key_is_refused_with_the_command_that_makes_a_good_one(text: str) -> None:
    with pytest.raises(InvalidSettings, match="anselai keys generate") as refused:
        parse_secret(Secret(text))
    assert not text or text not in str(refused.value)


def test_an_older_key_is_judged_like_the_primary_one_and_told_by_the_name_it_was_given_under() -> None:
    with pytest.raises(InvalidSettings, match="ENCRYPTION_KEYS_OLD"):
        derive_ring(generate_secret(), [Secret("short")])
    with pytest.raises(InvalidSettings, match="A key of ENCRYPTION_KEYS_OLD is a placeholder"):
        derive_ring(generate_secret(), [generate_secret(), Secret("a" * 32)])


def test_a_generated_key_is_always_a_good_one() -> None:
    for _ in range(2000):
        parse_secret(generate_secret())
