"""From a session to who signed in. Asked with every page, so that a revoked key ends the sessions that it began."""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from anselai.application.access import AccessManager
from anselai.application.authentication import CONFIGURED, KNOWN_FOR
from anselai.domain.access import Principal, Scope
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.errors import Unauthenticated
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.ended_sessions import EndedSessions
from anselai.domain.ports.signer import Signer
from anselai.entrypoints.http.session import Session

_ALL: Final = frozenset(Scope)
LINK: Final = Principal(studio=DEFAULT_STUDIO, scopes=_ALL, actor="sign-in link")
OFF: Final = Principal(studio=DEFAULT_STUDIO, scopes=_ALL, actor="anybody (ANSELAI_AUTH=off)")

_BY_LINK, _BY_KEY, _BY_SETTING = "link", "key-", "setting-"
_MOST_KNOWN: Final = 10_000
_ENDED: Final = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Knows sessions that were not ended for as long as keys are known: so long one that was ended elsewhere may still
    be good here. All methods but `by` raise StoreUnavailable.
    """

    access: AccessManager
    signer: Signer
    ended: EndedSessions
    clock: Clock
    known: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def by(self, principal: Principal) -> str:
        """What a session keeps of who signed in."""
        if principal.key_id is not None:
            return _BY_KEY + principal.key_id.hex
        return _BY_LINK if principal is LINK else _BY_SETTING + self._configured()

    async def end(self, session: Session) -> None:
        """Its cookie is good no more, for whoever may have kept a copy. Before signing in there is nothing to end."""
        if session.who:
            await self.ended.end(session.id, session.ends_at)
            self.known[session.id] = _ENDED

    async def is_ended(self, session: Session) -> bool:
        known = self.known.get(session.id, 0.0)
        if not session.who or known > self.clock.monotonic():
            return False
        if await self.ended.is_ended(session.id):
            return True
        if len(self.known) >= _MOST_KNOWN:
            self.known.clear()
        if self.known.get(session.id, 0.0) == known:  # otherwise it was ended while we asked
            self.known[session.id] = self.clock.monotonic() + KNOWN_FOR
        return False

    async def principal(self, session: Session) -> Principal:
        """Raises Unauthenticated, for a session before signing in too."""
        who = session.who
        if who.startswith(_BY_KEY):
            return await self.access.principal_of(UUID(hex=who.removeprefix(_BY_KEY)))
        if who == _BY_LINK:
            return LINK
        if who == _BY_SETTING + self._configured() and self.access.authenticator.configured_key is not None:
            return CONFIGURED
        raise Unauthenticated

    def _configured(self) -> str:
        """Tells the key of the settings from the one before it, and nothing of either."""
        key = self.access.authenticator.configured_key
        return "" if key is None else self.signer.sign("configured key", key.reveal())
