"""Sealing every stored token anew with the primary key, while everybody goes on reading, refreshing and syncing.

A batch is read, opened and sealed here, and stored by compare-and-swap on the sealed texts: a connection whose tokens
became others meanwhile is left alone, and is sealed with the primary key already. Nothing is kept of how far it came:
whoever was interrupted starts again, and finds only what is left.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from anselai.application.audit import Audit
from anselai.application.connection_swap import swap
from anselai.application.seal_ledger import SealLedger
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.audit import AuditAction
from anselai.domain.connection import ConnectionStatus, SealedToken, TokenField
from anselai.domain.errors import ConnectionChanged, ConnectionNotFound, RotationTooEarly, TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding, TokenCipher, key_id_of
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.sealed_tokens import IN_FILES, Resealed, SealedRow, SealedTokens

BATCH = 500
PASSES = 20  # those who hold a row, or still seal with an older key, are given so many chances to be done
PAUSE = timedelta(milliseconds=20)  # before the second pass, and longer by itself before each that follows

Progress = Callable[[int], None]


def untold(done: int) -> None:
    """A progress that nobody watches."""


@dataclass(slots=True, kw_only=True)
class RotationResult:
    """`resealed` connections were sealed anew (or would be), `unreadable` ones cannot be opened and say so from now on,
    `left` are the others that still need an older key: somebody else was at them, or seals with one.
    """

    resealed: int = 0
    unreadable: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """Its methods raise StoreUnavailable; what was done until then stays.

    `keys_in_files` says that the primary key is one of files, which every process that reads them has.
    """

    cipher: TokenCipher
    sealed_tokens: SealedTokens
    connections: Connections
    ledger: SealLedger
    audit: Audit
    clock: Clock
    keys_in_files: bool = False
    pause: timedelta = PAUSE

    async def to_do(self, *, afresh: bool = False) -> int:
        """How many connections have a token that needs another key than the primary one; `afresh`, than one that is
        still to be made.
        """
        return await self.sealed_tokens.number_not_sealed_with(self._done(afresh))

    async def is_unfinished(self) -> bool:
        """Whether a token needs an older key of the ring: an earlier rotation was interrupted.

        What needs a key that is not here is damaged, or waits for that key. No rotation is brought to an end by it.
        """
        rows = await self.sealed_tokens.rows_per_key()
        return any(rows.get(key_id) for key_id in self.cipher.key_ids()[1:])

    async def check_everybody_knows(self, *, afresh: bool = False) -> None:
        """Raises RotationTooEarly when a living process does not have the primary key: it could open no new seal;
        `afresh`, when it would not have one that is still to be made.
        """
        primary = self.cipher.key_ids()[0]
        for ring in await self.sealed_tokens.living_rings():
            reads_it = self.keys_in_files and IN_FILES in ring
            if not reads_it and (afresh or not any(_is(each, primary) for each in ring)):
                raise RotationTooEarly(None if self.keys_in_files else primary)

    async def run(
        self, *, dry_run: bool = False, afresh: bool = False, progress: Progress = untold, batch: int = BATCH
    ) -> RotationResult:
        """Seal anew until nothing is left to do, or nobody can. `progress` hears of every connection once, when it was
        looked at.

        A dry run opens what would be sealed anew, and changes nothing; `afresh`, with a key that is still to be made.
        Raises RotationTooEarly.
        """
        await self.check_everybody_knows()
        result = RotationResult()
        for number in range(PASSES):
            await asyncio.sleep(self.pause.total_seconds() * number)
            found = await self._pass(dry_run, afresh, untold if number else progress, batch)
            result.resealed += found.resealed
            result.unreadable = found.unreadable
            if not dry_run:  # the store is asked: somebody may have stored an older seal behind the back of a pass
                result.left = max(0, await self.to_do() - found.unreadable)
            if not result.left:
                break
        if result.resealed and not dry_run:
            done = f"{result.resealed} connections sealed anew"
            await self.audit.record(EVERY_STUDIO, AuditAction.SEALING_KEY_ROTATED, self.cipher.key_ids()[0], done)
        return result

    def _done(self, afresh: bool) -> Sequence[str]:
        return [] if afresh else [self.cipher.key_ids()[0]]

    async def _pass(self, dry_run: bool, afresh: bool, progress: Progress, batch: int) -> RotationResult:
        result, after, primary = RotationResult(), None, self.cipher.key_ids()[0]
        while rows := await self.sealed_tokens.not_sealed_with(self._done(afresh), after, batch):
            after = rows[-1].id
            attempts = [(each, self._resealed(each, primary, dry_run)) for each in rows]
            anew = [resealed for _, resealed in attempts if resealed is not None]
            if dry_run:
                done = len(anew)
            else:
                for row in (row for row, resealed in attempts if resealed is None):
                    await self._mark_error(row)
                await self.ledger.settle()
                done = await self.sealed_tokens.reseal(anew) if anew else 0
            result.resealed += done
            result.unreadable += len(rows) - len(anew)
            progress(len(rows))
        return result

    def _resealed(self, row: SealedRow, primary: str, dry_run: bool) -> Resealed | None:
        def anew(sealed: SealedToken, field: TokenField) -> SealedToken:
            binding = TokenBinding(row.key, field)
            token = self.cipher.open(sealed, binding)
            return sealed if dry_run or key_id_of(sealed) == primary else self.cipher.seal(token, binding)

        try:
            return Resealed(
                before=row,
                access_token=anew(row.access_token, "access_token"),
                refresh_token=None if row.refresh_token is None else anew(row.refresh_token, "refresh_token"),
            )
        except TokenUnreadable:
            return None

    async def _mark_error(self, row: SealedRow) -> None:
        """So that it is seen before a sync fails, and which connection has to be made anew."""
        try:
            stored = await self.connections.get(row.key)
            tokens = (stored.id, stored.access_token, stored.refresh_token)
            is_known = stored.needs_new_tokens or stored.last_error_code == TokenUnreadable.code
            if tokens == (row.id, row.access_token, row.refresh_token) and not is_known:
                marked = stored.marked(
                    ConnectionStatus.ERROR,
                    now=self.clock.now(),
                    code=TokenUnreadable.code,
                    reason=str(TokenUnreadable()),
                )
                await swap(self.connections, stored, marked)
        except (ConnectionChanged, ConnectionNotFound):
            return  # somebody knows better by now


def _is(named: str, key_id: str) -> bool:
    """Whether a name in a ring may be this key: a ring that is too long to be told whole ends with `+`."""
    return named == "+" or key_id.startswith(named)
