"""uvicorn's protocol with an end to its patience: a request that comes too slowly, or one connection too many."""

import asyncio
from enum import Enum, auto
from typing import Final, cast

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from anselai.entrypoints.http.answer_headers import CAREFUL, NO_STORE
from anselai.entrypoints.http.answers import refuse
from anselai.entrypoints.http.errors import Failure
from anselai.entrypoints.http.head import HEAD_TOO_LARGE, LARGEST_HEAD
from anselai.entrypoints.http.remote import Remote

HEAD_WITHIN: Final = 10.0  # seconds, from the connection or the first byte on
BODY_WITHIN: Final = 30.0  # seconds, from the end of the head on, also for one that nobody reads
TAKEN_WITHIN: Final = 30.0  # seconds for what is on its way to whoever takes nothing of it; then they are cut off
GONE_WITHIN: Final = 5.0  # the same for the last words, of a connection that is being closed
MOST_CONNECTIONS: Final = 500  # those beyond are told to come back
CUT_CONNECTIONS: Final = 800  # and those beyond are cut at once: a process has few more files than that
MOST_OF_ONE: Final = 400  # the same for those of one address, which leave room for others
CUT_OF_ONE: Final = 600

_TOO_SLOW: Final = Failure(
    status=408,
    code="REQUEST_TOO_SLOW",
    message=f"The request took too long to come: {HEAD_WITHIN:.0f} s for its head, {BODY_WITHIN:.0f} s for its body.",
    headers={"Retry-After": "1"},
)
_TOO_MANY: Final = Failure(
    status=503,
    code="OVERLOADED",
    message="More connections are open than AnselAI serves. Try again.",
    headers={"Retry-After": "1"},
)
_NO_REQUEST: Final = Failure(status=400, code="MALFORMED_REQUEST", message="This is not valid HTTP.")
_PHRASES: Final = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class Due(Enum):
    """What the other side has yet to send."""

    HEAD = auto()
    BODY = auto()


class PatientProtocol(H11Protocol):
    """What ends in `within` is seconds."""

    head_within = HEAD_WITHIN
    body_within = BODY_WITHIN
    taken_within = TAKEN_WITHIN
    gone_within = GONE_WITHIN
    most_connections = MOST_CONNECTIONS
    cut_connections = CUT_CONNECTIONS
    most_of_one = MOST_OF_ONE
    cut_of_one = CUT_OF_ONE

    whence = ""
    is_served = True
    due: Due | None = None
    due_of: object = None  # the request whose body it is
    deadline: asyncio.TimerHandle | None = None
    cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.whence = Remote(self.client[0] if self.client else "", is_tls=False).neighbourhood
        few = min(self.most_of_one, self.most_connections)  # for so many there is a place, whosever they are
        if len(self.connections) > few and not self._has_place():
            if self._is_one_of_far_too_many():
                transport.abort()
                return
            self.is_served = False
            self.app = _turn_away
        self._wait_for(Due.HEAD, None)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()
        if self.transport.is_closing():
            self._cut_after(self.gone_within)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut_after(self.taken_within)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._cut_after(None)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._cut_after(self.gone_within)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for(None, None)
        self._cut_after(None)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        is_large = self.due is Due.HEAD and len(self.conn.trailing_data[0]) > LARGEST_HEAD
        self._leave(HEAD_TOO_LARGE if is_large else _NO_REQUEST)

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: we answer as if no upgrade had been asked for, and there is nothing to install."""

    def _has_place(self) -> bool:
        """Among those that are served; who was turned away and still stands at the door takes nobody's place."""
        served = [each for each in self._all() if each.is_served]
        of_one = sum(each.whence == self.whence for each in served)
        return len(served) <= self.most_connections and of_one <= self.most_of_one

    def _is_one_of_far_too_many(self) -> bool:
        of_one = sum(each.whence == self.whence for each in self._all())
        return len(self.connections) > self.cut_connections or of_one > self.cut_of_one

    def _all(self) -> "set[PatientProtocol]":
        return cast("set[PatientProtocol]", self.connections)

    def _watch(self) -> None:
        """Begin to wait for what is due now, unless it is the same as before: more bytes do not win more time."""
        their = self.conn.their_state
        if their is h11.SEND_BODY:
            self._wait_for(Due.BODY, self.cycle)
        elif their is h11.IDLE and self.conn.trailing_data[0]:
            self._wait_for(Due.HEAD, None)
        elif self.due is not None:
            self._wait_for(None, None)

    def _wait_for(self, due: Due | None, of: object) -> None:
        if due is self.due and of is self.due_of and due is not None:
            return
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        self.due, self.due_of = due, of
        if due is not None:
            within = self.head_within if due is Due.HEAD else self.body_within
            self.deadline = self.loop.call_later(within, self._give_up)

    def _cut_after(self, seconds: float | None) -> None:
        """Cut the connection unless what was written is taken by then; None: it is, or there is no connection."""
        if seconds is not None and self.cut is None:
            self.cut = self.loop.call_later(seconds, self.transport.abort)
        elif seconds is None and self.cut is not None:
            self.cut.cancel()
            self.cut = None

    def _give_up(self) -> None:
        said_nothing = self.due is Due.HEAD and not self.conn.trailing_data[0]
        self._leave(None if said_nothing else _TOO_SLOW)

    def _leave(self, failure: Failure | None) -> None:
        """Close the connection, with these words unless another answer has begun."""
        if self.transport.is_closing():
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            failure = None if cycle.response_started else failure
            cycle.disconnected = True
            cycle.message_event.set()  # whoever waits for the body hears that it will not come
        elif self.due is Due.BODY:
            failure = None  # the answer is whole, and the rest of its request still came
        if failure is not None:
            self.transport.write(_written(failure))
        self.transport.close()
        self._cut_after(self.gone_within)


async def _turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    response = refuse(_TOO_MANY)
    response.raw_headers += [*CAREFUL, NO_STORE, (b"connection", b"close")]
    await response(scope, receive, send)


def _written(failure: Failure) -> bytes:
    """The whole answer. There is no request that it could belong to, so that nothing else can write it."""
    response = refuse(failure)
    headers = [*response.raw_headers, *CAREFUL, NO_STORE, (b"connection", b"close")]
    lines = [b"HTTP/1.1 %d %s" % (failure.status, _PHRASES[failure.status]), *(b": ".join(each) for each in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + cast("bytes", response.body)
