"""Errors on the console, and those of the API in the log of syncs."""

import logging
import traceback
from dataclasses import dataclass

from starlette.types import Scope

from anselai.domain.errors import AnselError, StoreUnavailable
from anselai.domain.ports.sync_log import ApiError
from anselai.domain.ports.telemetry import Telemetry
from anselai.entrypoints.http.api_error_log import ApiErrorLog
from anselai.entrypoints.http.areas import Area, area_of
from anselai.entrypoints.http.caller import caller_of
from anselai.entrypoints.http.errors import Failure, known_code
from anselai.entrypoints.logs import alike

log = logging.getLogger("anselai.http")

_SUSPICIOUS = frozenset({401, 403, 421, 429})
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport:
    api_errors: ApiErrorLog
    telemetry: Telemetry

    def tell(self, scope: Scope, failure: Failure, request_id: str, error: Exception) -> None:
        """One line for the console. It names the route and never the path, which is the caller's own text.

        Only errors of somebody who showed a key are kept: nobody else can fill the log.
        """
        route = route_of(scope)
        method = scope["method"] if scope["method"] in _METHODS else "another method"
        log.log(
            _level(failure.status),
            "%s %s: %d %s, request %s",
            method,
            route,
            failure.status,
            failure.code,
            request_id,
            extra=alike(method, route, failure.status, failure.code),
        )
        if failure.code == AnselError.code:
            where = _where(error)
            log.error("Request %s met something unforeseen:\n%s", request_id, where, extra=alike(where))
        if area_of(scope["path"]) is not Area.API:
            return
        self.telemetry.api_error(known_code(error))
        caller = caller_of(scope)
        if caller is not None and caller.principal is not None and failure.code != StoreUnavailable.code:
            self.api_errors.keep(
                ApiError(
                    studio=caller.principal.studio,
                    route=route,
                    code=failure.code,
                    message=failure.message[:_LONGEST_MESSAGE],
                    request_id=request_id,
                )
            )


def route_of(scope: Scope) -> str:
    """The pattern of the route that was met, or one for all paths that there are not."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "/api/*" if area_of(scope["path"]) is Area.API else "/*"


def _level(status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.WARNING if status in _SUSPICIOUS else logging.INFO


def _where(error: BaseException) -> str:
    """The traceback without the errors' own texts: those may quote what was sent, tokens too."""
    lines: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += [_where(cause), "which led to\n"]
    lines += traceback.format_tb(error.__traceback__)
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}\n")
    return "".join(lines)
