"""Sealing a token and opening it again: bound to its row, against bare AES-GCM and against Fernet.

All in this process, with the product's own `cryptography`, and in processor time: nobody waits for anything.
"""

import os
import time
from collections.abc import Callable
from functools import partial

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_ring, generate_secret
from anselai.domain.connection import ConnectionKey
from anselai.domain.ports.cipher import TokenBinding
from anselai.domain.secret import Secret
from bench.contest import Contest, Contestant, Figures

TOKEN = os.urandom(100).hex()  # 200 characters
REPEATS, ROUNDS = 4_000, 25  # short ones: the machine's mood changes quicker than every tenth of a second


def contest() -> Contest:
    cipher = AesGcmCipher(derive_ring(generate_secret()))
    token = Secret(TOKEN)
    binding = TokenBinding(ConnectionKey("default", "google"), "access_token")

    def ours() -> None:
        cipher.open(cipher.seal(token, binding), binding)

    aead, plain, associated = AESGCM(AESGCM.generate_key(256)), TOKEN.encode(), b"default google access_token"

    def bare_aes_gcm() -> None:
        nonce = os.urandom(12)
        aead.decrypt(nonce, aead.encrypt(nonce, plain, associated), associated)

    fernet = Fernet(Fernet.generate_key())

    def with_fernet() -> None:
        fernet.decrypt(fernet.encrypt(plain))

    assert cipher.open(cipher.seal(token, binding), binding) == token
    return Contest(
        title="Tokens: seal and open 200 bytes",
        rounds=ROUNDS,
        contestants=[
            Contestant(name="AnselAI, bound to its row", measure=partial(_timed, ours)),
            Contestant(name="bare AESGCM (the limit)", measure=partial(_timed, bare_aes_gcm), at_least=0.5),
            Contestant(name="Fernet", measure=partial(_timed, with_fernet)),
        ],
    )


def _timed(act: Callable[[], None]) -> Figures:
    began = time.process_time()
    for _ in range(REPEATS):
        act()
    took = time.process_time() - began
    return {"tokens/s of a core": REPEATS / took, "µs": took / REPEATS * 1e6}
