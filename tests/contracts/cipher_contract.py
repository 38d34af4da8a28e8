"""What every TokenCipher has to do, wherever its keys come from."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anselai.domain.connection import ConnectionKey, SealedToken, TokenField
from anselai.domain.errors import TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding, TokenCipher, key_id_of
from anselai.domain.secret import Secret

GOOGLE = ConnectionKey("default", "google")
ACCESS = TokenBinding(GOOGLE, "access_token")
CANARY = "canary-token-0123456789"

any_text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300)


class CipherContract:
    """`cipher` is one of two or more keys; `successor` has the same keys and another primary one; `stranger` none."""

    def test_a_sealed_token_opens_again(self, cipher: TokenCipher) -> None:
        @given(any_text)
        def opens(text: str) -> None:
            assert cipher.open(cipher.seal(Secret(text), ACCESS), ACCESS).reveal() == text

        opens()

    def test_sealing_twice_gives_two_texts_and_neither_shows_the_token(self, cipher: TokenCipher) -> None:
        first, second = (cipher.seal(Secret(CANARY), ACCESS) for _ in range(2))
        assert first != second
        for sealed in (first, second):
            assert CANARY not in sealed
            assert CANARY.encode().hex() not in sealed
            assert base64.b64encode(CANARY.encode()).decode().rstrip("=") not in sealed

    def test_a_sealed_text_names_its_version_and_the_primary_key(self, cipher: TokenCipher) -> None:
        sealed = cipher.seal(Secret(CANARY), ACCESS)
        version, key_id, payload = sealed.split(".")
        assert version
        assert payload
        assert key_id == key_id_of(sealed) == cipher.key_ids()[0]

    def test_key_ids_are_told_once_each(self, cipher: TokenCipher) -> None:
        assert len(set(cipher.key_ids())) == len(cipher.key_ids()) >= 2

    def test_what_an_older_key_sealed_still_opens_and_the_primary_key_seals(
        self, cipher: TokenCipher, successor: TokenCipher
    ) -> None:
        old = cipher.seal(Secret(CANARY), ACCESS)
        assert successor.open(old, ACCESS).reveal() == CANARY
        assert key_id_of(successor.seal(Secret(CANARY), ACCESS)) == successor.key_ids()[0] != key_id_of(old)

    def test_a_key_that_is_not_in_the_ring_opens_nothing(self, cipher: TokenCipher, stranger: TokenCipher) -> None:
        for one, other in ((cipher, stranger), (stranger, cipher)):
            with pytest.raises(TokenUnreadable):
                other.open(one.seal(Secret(CANARY), ACCESS), ACCESS)

    @pytest.mark.parametrize(
        ("studio", "platform", "field"),
        [
            ("other", "google", "access_token"),
            ("default", "meta", "access_token"),
            ("default", "google", "refresh_token"),
        ],
    )
    def test_a_token_moved_to_another_studio_platform_or_field_is_refused(
        self, cipher: TokenCipher, studio: str, platform: str, field: TokenField
    ) -> None:
        sealed = cipher.seal(Secret(CANARY), ACCESS)
        with pytest.raises(TokenUnreadable):
            cipher.open(sealed, TokenBinding(ConnectionKey(studio, platform), field))

    def test_every_flipped_bit_is_refused(self, cipher: TokenCipher) -> None:
        sealed = cipher.seal(Secret(CANARY), ACCESS).encode()
        for bit in range(len(sealed) * 8):
            flipped = bytearray(sealed)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(TokenUnreadable):
                cipher.open(SealedToken(flipped.decode("latin-1")), ACCESS)

    def test_every_cut_is_refused(self, cipher: TokenCipher) -> None:
        sealed = cipher.seal(Secret(CANARY), ACCESS)
        for length in range(len(sealed)):
            for cut in (sealed[:length], sealed[length + 1 :]):
                with pytest.raises(TokenUnreadable):
                    cipher.open(SealedToken(cut), ACCESS)

    def test_another_version_and_another_keys_label_are_refused(
        self, cipher: TokenCipher, successor: TokenCipher
    ) -> None:
        version, key_id, payload = cipher.seal(Secret(CANARY), ACCESS).split(".")
        for relabelled in (
            f"{version}0.{key_id}.{payload}",
            f"v0.{key_id}.{payload}",
            f"{version}.{successor.key_ids()[0]}.{payload}",
            f"{version}..{payload}",
            f"{version}.{key_id}.{key_id}.{payload}",
        ):
            with pytest.raises(TokenUnreadable):
                cipher.open(SealedToken(relabelled), ACCESS)

    def test_no_other_text_opens_nor_fails_otherwise(self, cipher: TokenCipher) -> None:
        version, key_id, _ = cipher.seal(Secret(CANARY), ACCESS).split(".")

        @given(st.text(max_size=80))
        def is_refused(text: str) -> None:
            for each in (text, f"{version}.{key_id}.{text}", f"{version}.{text}."):
                with pytest.raises(TokenUnreadable):
                    cipher.open(SealedToken(each), ACCESS)

        is_refused()

    def test_no_refusal_tells_the_token_or_a_reason(self, cipher: TokenCipher, stranger: TokenCipher) -> None:
        sealed = cipher.seal(Secret(CANARY), ACCESS)
        said = set()
        for text in (sealed[:-2], stranger.seal(Secret(CANARY), ACCESS), "nothing", sealed.upper()):
            with pytest.raises(TokenUnreadable) as refused:
                cipher.open(SealedToken(text), ACCESS)
            said.add((str(refused.value), refused.value.__cause__, refused.value.__context__))
        assert len(said) == 1
        assert CANARY not in said.pop()[0]
