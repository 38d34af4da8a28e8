"""The envelope: `{"success": true, "data": …}`, or `{"success": false, "error": …, "code": …}`."""

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import Encoder
from starlette.responses import Response

from anselai.entrypoints.http.errors import Failure

_ENCODER = Encoder()
_TYPE = (b"content-type", b"application/json")


class Success(Struct):
    success: bool
    data: object


class Detail(Struct):
    path: str
    message: str


class Refusal(Struct, kw_only=True):
    success: bool = False
    error: str
    code: str
    details: tuple[Detail, ...] | UnsetType = UNSET
    data: object = UNSET


class Answer(Response):
    """A JSON response, built without the detours of the general one: it is on the path of every call."""

    def __init__(self, content: Struct, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = status
        self.background = None
        self.body = _ENCODER.encode(content)
        self.raw_headers = [_TYPE, (b"content-length", b"%d" % len(self.body))]
        if headers:
            self.raw_headers += [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def answer(data: object, *, status: int = 200, location: str | None = None) -> Answer:
    return Answer(Success(True, data), status, None if location is None else {"Location": location})


def refuse(failure: Failure) -> Answer:
    details = tuple(Detail(each.path, each.message) for each in failure.details)
    content = Refusal(error=failure.message, code=failure.code, details=details or UNSET)
    return Answer(content, failure.status, failure.headers)
