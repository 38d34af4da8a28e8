"""A studio whose tokens are to be sealed anew, in a store where others are at work meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_key, derive_ring, generate_secret
from anselai.adapters.memory.audit_log import MemoryAuditLog
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.sealed_tokens import MemorySealedTokens
from anselai.adapters.memory.store import MemoryStore
from anselai.application.audit import Audit
from anselai.application.key_rotation import KeyRotation
from anselai.application.seal_ledger import SealLedger
from anselai.application.sealing_keys import SealingKeys
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.ports.sealed_tokens import Resealed, SealedRow
from anselai.domain.secret import Secret
from tests.fakes import FakeClock
from tests.samples import a_connection

OLD, NEW = generate_secret(), generate_secret()
OLD_ID, NEW_ID = derive_key(OLD).id, derive_key(NEW).id


@dataclass(frozen=True, slots=True, kw_only=True)
class BusySealedTokens(MemorySealedTokens):
    """Others do something between the reading of a batch and its storing, once each, and have rings of their own."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    rings: list[Sequence[str]] = field(default_factory=list)

    async def not_sealed_with(self, key_ids: Sequence[str], after: UUID | None, limit: int) -> Sequence[SealedRow]:
        rows = await MemorySealedTokens.not_sealed_with(self, key_ids, after, limit)
        if rows and self.meanwhile:
            self.meanwhile.pop(0)()
        return rows

    async def reseal(self, rows: Sequence[Resealed]) -> int:
        assert rows
        return await MemorySealedTokens.reseal(self, rows)

    async def living_rings(self) -> Sequence[Sequence[str]]:
        return self.rings


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """A store with tokens of the old key, and a ring whose primary key is the new one."""

    store: MemoryStore
    tokens: BusySealedTokens
    rotation: KeyRotation
    keys: SealingKeys
    old_vault: TokenVault
    vault: TokenVault

    def connect(self, number: int) -> None:
        for n in range(number):
            key = ConnectionKey("default", f"platform-{n}")
            self.store.connections[key] = a_connection(
                key,
                access_token=self.old_vault.encrypt_token(Secret(f"access-{n}"), key),
                refresh_token=self.old_vault.encrypt_token(Secret(f"refresh-{n}"), key, "refresh_token"),
            )

    def at(self, number: int) -> PlatformConnection:
        return self.store.connections[ConnectionKey("default", f"platform-{number}")]

    def opened(self) -> list[tuple[str, str]]:
        found = [self.vault.open_credentials(each) for each in self.store.connections.values()]
        return [(each.access_token.reveal(), each.refresh_token.reveal()) for each in found if each.refresh_token]


def a_rotating_studio() -> Studio:
    store = MemoryStore(clock=FakeClock())
    tokens = BusySealedTokens(store=store)
    cipher = AesGcmCipher(derive_ring(NEW, [OLD]))
    audit = Audit(audit_log=MemoryAuditLog(store=store))
    return Studio(
        store=store,
        tokens=tokens,
        rotation=KeyRotation(
            cipher=cipher,
            sealed_tokens=tokens,
            connections=MemoryConnections(store=store),
            ledger=SealLedger(tally=cipher.tally, sealed_tokens=tokens),
            audit=audit,
            clock=store.clock,
            pause=timedelta(0),
        ),
        keys=SealingKeys(cipher=cipher, sealed_tokens=tokens, audit=audit),
        old_vault=TokenVault(cipher=AesGcmCipher(derive_ring(OLD))),
        vault=TokenVault(cipher=cipher),
    )
