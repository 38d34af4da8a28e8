"""From a session to who signed in. Asked with every page, so that a revoked key ends the sessions that it began."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from anselai.application.access import AccessManager
from anselai.application.authentication import CONFIGURED
from anselai.domain.access import Principal, Scope
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.errors import Unauthenticated
from anselai.domain.ports.signer import Signer

_ALL: Final = frozenset(Scope)
LINK: Final = Principal(studio=DEFAULT_STUDIO, scopes=_ALL, actor="sign-in link")
OFF: Final = Principal(studio=DEFAULT_STUDIO, scopes=_ALL, actor="anybody (ANSELAI_AUTH=off)")

_BY_LINK, _BY_KEY, _BY_SETTING = "link", "key-", "setting-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    access: AccessManager
    signer: Signer

    def by(self, principal: Principal) -> str:
        """What a session keeps of who signed in."""
        if principal.key_id is not None:
            return _BY_KEY + principal.key_id.hex
        return _BY_LINK if principal is LINK else _BY_SETTING + self._configured()

    async def principal(self, who: str) -> Principal:
        """Raises Unauthenticated, for a session before signing in too, and StoreUnavailable."""
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
