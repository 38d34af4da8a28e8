"""What holds for every request: its id, who may ask, the headers of every answer, and errors that become answers."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anselai.application.audit import acting_as
from anselai.domain.audit import Actor
from anselai.entrypoints.http.answer_headers import with_careful_headers
from anselai.entrypoints.http.areas import Area, area_of
from anselai.entrypoints.http.caller import Caller, set_caller
from anselai.entrypoints.http.entry import Entry
from anselai.entrypoints.http.error_report import ErrorReport
from anselai.entrypoints.http.errors import Failure, failure_of
from anselai.entrypoints.http.head import read_head
from anselai.entrypoints.http.remote import TrustedProxies

RenderFailure = Callable[[Scope, Failure, str], Response]

_NOBODY = "nobody"


class AnswerCut(Exception):
    """What failed was told already, without its own words, which the server would write into the log."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The only middleware: everything that comes in and goes out passes here once."""

    app: ASGIApp
    proxies: TrustedProxies
    entry: Entry
    report: ErrorReport
    render_failure: RenderFailure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        head = read_head(scope)
        request_id = head.request_id
        caller = Caller(remote=self.proxies.remote_of(scope))
        set_caller(scope, caller)
        answered = False

        async def send_marked(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = with_careful_headers(message["headers"], scope, head, caller, self.entry.origins.cors)
                message["headers"] = [*headers, (b"x-request-id", request_id)]
            await send(message)

        try:
            is_probe = area_of(scope["path"]) is Area.PROBE
            with nullcontext() if is_probe else self.entry.crowd.place():
                answer = await self.entry.admit(scope, head, caller)
                name = _NOBODY if caller.principal is None else caller.principal.actor
                actor = Actor(name=name, address=caller.remote.address, request_id=request_id.decode())
                with nullcontext() if is_probe else self.entry.crowd.share(caller.whose), acting_as(actor):
                    await (self.app if answer is None else answer)(scope, receive, send_marked)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  the edge of the process: whatever happened inside is an answer here
            failure = failure_of(error, request_id.decode())
            self.report.tell(scope, failure, request_id.decode(), error)
            if answered:
                raise AnswerCut from None  # too late for another answer: the server ends the connection
            response = self.render_failure(scope, failure, request_id.decode())
            if scope["method"] == "HEAD":
                response.body = b""
            await response(scope, receive, send_marked)
