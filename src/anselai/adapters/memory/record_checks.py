"""What no record may say: the constraints that a database would hold it to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from anselai.domain.records import RECORD_TYPES, Attribution, Record, Review

_CURRENCY = re.compile(r"[A-Z]{3}")


def misfits(record: Record) -> Iterator[str]:
    """The names of the fields whose value cannot be."""
    for name, words in _closed_sets()[type(record)].items():
        if getattr(record, name) not in words:
            yield name
    currency = getattr(record, "currency", None)
    if currency is not None and not _CURRENCY.fullmatch(currency):
        yield "currency"
    if isinstance(record, Review) and record.rating is not None and not 1 <= record.rating <= 5:
        yield "rating"
    no_numbers = [each.name for each in fields(record) if _is_no_number(getattr(record, each.name))]
    yield from no_numbers
    if isinstance(record, Attribution) and "confidence" not in no_numbers and not 0 <= record.confidence <= 1:
        yield "confidence"


def _is_no_number(value: object) -> bool:
    return isinstance(value, Decimal) and not value.is_finite()


@cache
def _closed_sets() -> Mapping[type[Any], Mapping[str, tuple[Any, ...]]]:
    """Of each kind of record the fields that are one of a few words, and these words."""
    return {
        kind: {name: get_args(hint) for name, hint in get_type_hints(kind).items() if get_origin(hint) is Literal}
        for kind in RECORD_TYPES
    }
