"""From what was sent to a struct: JSON bodies, query parameters, parts of the path. All problems are told at once."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl
from uuid import UUID

from msgspec import Meta, Struct, UnsetType, ValidationError, convert
from msgspec.structs import FieldInfo, fields
from starlette.requests import Request

from anselai.domain.errors import InvalidInput, NotFound, Problem
from anselai.domain.secret import Secret
from anselai.entrypoints.http.body import read_object
from anselai.entrypoints.http.errors import RequestRefused

T = TypeVar("T", bound=Struct)

# Beyond these, changing an instant's zone or counting days from it can overflow.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
_LONGEST_NAME = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")
_MOST_PARAMETERS = 100
_MOST_PROBLEMS = 100


async def read_json(request: Request, shape: type[T]) -> T:
    """The body as that struct. Raises RequestRefused, InvalidInput."""
    return read_fields(await read_object(request), shape)


def read_query(request: Request, shape: type[T]) -> T:
    """The query parameters as that struct. Raises InvalidInput."""
    pairs = _query_pairs(request)
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given:
            raise InvalidInput.of("", "Each query parameter may be given once only.")
        given[name] = text
    return read_fields(given, shape)


def read_fields(given: Mapping[str, object], shape: type[T]) -> T:
    """Raises InvalidInput with every problem, up to a hundred. None quotes a value, which may be a token."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    known = fields(shape)
    for field in known:
        if field.encode_name in given:
            problems.extend(_take(values, field, given[field.encode_name]))
        elif field.required:
            problems.append(Problem(field.encode_name, "is missing"))
    names = {field.encode_name for field in known}
    problems += [_unknown(name) for name in given if name not in names]
    if problems:
        raise InvalidInput(problems[:_MOST_PROBLEMS])
    return shape(**values)


def platform_in(request: Request) -> str:
    return platform_name(request.path_params["platform"])


def platform_name(text: str) -> str:
    """The text, if it can be the name of a platform at all. Raises RequestRefused."""
    if len(text) > _LONGEST_NAME or not text.isascii() or not text.replace("-", "").isalnum():
        raise RequestRefused(404, "UNKNOWN_PLATFORM", "There is no platform of that name.")
    return text


def job_id_in(request: Request) -> UUID:
    """Raises NotFound, since no job has an id that is none."""
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise NotFound("There is no such job.") from None


def idempotency_key_in(request: Request) -> str | None:
    """The header as it was sent. Raises InvalidInput when there are two: which is meant, nobody can know."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise InvalidInput.of("Idempotency-Key", "may be given once only")
    return keys[0] if keys else None


def _take(values: dict[str, Any], field: FieldInfo, given: object) -> Iterator[Problem]:
    try:
        value = convert(given, field.type, dec_hook=_open)
    except ValidationError:
        yield from _problems(field.encode_name, field.type, given)
        return
    if isinstance(value, date) and not is_in_range(value):
        yield Problem(field.encode_name, f"must be between {EARLIEST:%Y} and {LATEST:%Y}")
    values[field.name] = value


def _problems(path: str, kind: object, given: object) -> Iterator[Problem]:
    """What is wrong, said by the type's own description; a list is looked at item by item."""
    plain = _plain(kind)
    if get_origin(plain) is tuple and isinstance(given, list):
        item = get_args(plain)[0]
        for place, each in enumerate(given):
            if not isinstance(each, str):
                yield from _problems(f"{path}[{place}]", item, each)
    else:
        yield Problem(path, _description(kind))


def _plain(kind: object) -> object:
    """The type without `None`, `Unset` and annotations."""
    if get_origin(kind) in (Union, UnionType):
        kind = next(each for each in get_args(kind) if each not in (type(None), UnsetType))
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _description(kind: object) -> str:
    if get_origin(kind) in (Union, UnionType):
        kind = next(each for each in get_args(kind) if each not in (type(None), UnsetType))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"must be one of {', '.join(kind)}"
    told = [each.description for each in get_args(kind)[1:] if isinstance(each, Meta)]
    return told[0] if told and told[0] else "must be text"


def _open(kind: type, given: object) -> object:
    if kind is Secret and isinstance(given, str):
        return Secret(given)
    raise TypeError("must be text")


def is_in_range(value: date) -> bool:
    if isinstance(value, datetime):
        return EARLIEST <= value <= LATEST
    return EARLIEST.date() <= value <= LATEST.date()


def _query_pairs(request: Request) -> list[tuple[str, str]]:
    text = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise InvalidInput.of("", f"At most {_MOST_PARAMETERS} query parameters can be given.") from None


def _unknown(name: str) -> Problem:
    """A name is repeated only if it looks like one: it may be a token that was put into the wrong place."""
    if _NAME.fullmatch(name):
        return Problem(name, "is not known here")
    return Problem("", "One of the names is not known here.")
