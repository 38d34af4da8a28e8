"""Who asks, as far as it is known: found at the gate, and read by whoever answers."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, cast

from starlette.requests import Request
from starlette.types import Scope

from anselai.domain.access import Principal
from anselai.entrypoints.http.remote import Remote
from anselai.entrypoints.http.session import Session

_PLACE: Final = "anselai.caller"


@dataclass(slots=True, kw_only=True)
class Caller:
    """`session` is that of a browser, which begins before anybody signed in; `cookie` is what to give it."""

    remote: Remote
    principal: Principal | None = None
    session: Session | None = None
    cookie: bytes | None = None

    @property
    def whose(self) -> Hashable:
        """To whom a request is charged: a key with the sessions that it began, or else the neighbourhood."""
        return self.remote.neighbourhood if self.principal is None else self.principal


def set_caller(scope: Scope, caller: Caller) -> None:
    scope[_PLACE] = caller


def caller_of(scope: Scope) -> Caller | None:
    """None where the request was refused before anybody asked who it is."""
    return cast("Caller | None", scope.get(_PLACE))


def caller_in(request: Request) -> Caller:
    return cast("Caller", request.scope[_PLACE])


def studio_in(request: Request) -> str:
    """The studio that whoever asks belongs to: the only one that this request sees."""
    principal = caller_in(request).principal
    if principal is None:
        raise AssertionError("a route that needs nobody to be known asks for a studio")
    return principal.studio
