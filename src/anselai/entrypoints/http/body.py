"""Request bodies: how much of one is read, and what it has to be."""

import json
from collections.abc import Mapping
from contextlib import aclosing

from starlette.requests import Request

from anselai.domain.errors import InvalidInput
from anselai.entrypoints.http.errors import RequestRefused

LARGEST_BODY = 1024 * 1024
MOST_READ = 8 * LARGEST_BODY  # and thrown away: whoever is still sending could not hear that it was too much
_WHITE_SPACE = b" \t\r\n"  # RFC 8259, section 2


async def read_body(request: Request, media_type: str) -> bytes:
    """The body, or nothing if it is white space. Raises RequestRefused for one that is too large or something else."""
    declared = _declared_length(request)
    if declared > (LARGEST_BODY if "expect" in request.headers else MOST_READ):
        raise _too_large()
    body = bytearray()
    size = 0
    async with aclosing(request.stream()) as stream:
        async for chunk in stream:
            size += len(chunk)
            if size > MOST_READ:
                break
            if size <= LARGEST_BODY:
                body += chunk
    if max(size, declared) > LARGEST_BODY:
        raise _too_large()
    content = bytes(body.strip(_WHITE_SPACE))
    if content and not _is_media_type(request.headers.get("content-type", ""), media_type):
        raise RequestRefused(415, "UNSUPPORTED_MEDIA_TYPE", f"Send the body as Content-Type: {media_type} (UTF-8).")
    return content


async def read_object(request: Request) -> Mapping[str, object]:
    """The JSON object that was sent; an empty body is an object without fields."""
    body = await read_body(request, "application/json")
    return _parse_object(body) if body else {}


def _parse_object(body: bytes) -> Mapping[str, object]:
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}"
    except _DuplicateName:
        problem = "a name comes twice in one object"
    except (ValueError, RecursionError):
        problem = "a number is out of range, or it is nested too deeply"
    else:
        if isinstance(value, dict):
            return value
        raise InvalidInput.of("", "The body must be a JSON object.")
    raise RequestRefused(400, "MALFORMED_JSON", f"The body is not valid JSON: {problem}.")


class _DuplicateName(ValueError):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateName
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


# The standard library's, since msgspec takes the last of two equal names without a word.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _declared_length(request: Request) -> int:
    """What Content-Length says, as far as it matters."""
    digits = request.headers.get("content-length", "").strip().lstrip("0")
    if not digits.isdecimal():
        return 0
    return int(digits) if len(digits) < 12 else MOST_READ + 1


def _too_large() -> RequestRefused:
    return RequestRefused(413, "BODY_TOO_LARGE", f"A body may have {LARGEST_BODY} bytes (1 MiB) at most.")


def _is_media_type(content_type: str, wanted: str) -> bool:
    """Whether it is the wanted type, said with no parameter but a charset of UTF-8."""
    media_type, *parameters = (each.strip().lower() for each in content_type.split(";"))
    return media_type == wanted and all(each.replace('"', "") in ("", "charset=utf-8") for each in parameters)
