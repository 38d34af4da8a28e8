"""The fields of each kind of record: which of them name the thing, and another value for each of the others."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, get_args, get_type_hints

from anselai.domain.records import (
    AdCampaign,
    AdMetric,
    Attribution,
    Booking,
    Content,
    ContentMetric,
    Inquiry,
    Metric,
    Record,
    Review,
)
from tests.contracts.full_records import FULL_RECORDS

NATURAL_KEYS: dict[type[Record], frozenset[str]] = {
    Metric: frozenset({"account_id", "metric", "period", "metric_date", "dimension"}),
    Content: frozenset({"external_id"}),
    ContentMetric: frozenset({"content_external_id", "metric_date", "basis"}),
    AdCampaign: frozenset({"account_id", "external_id"}),
    AdMetric: frozenset({"account_id", "campaign_external_id", "metric_date", "attribution"}),
    Review: frozenset({"source", "external_id"}),
    Inquiry: frozenset({"source_system", "external_id"}),
    Booking: frozenset({"source_system", "external_id"}),
    Attribution: frozenset({"inquiry_source_system", "inquiry_external_id", "touch_seq"}),
}

# Values of a closed set, and references, which must not lead nowhere.
_ALTERNATIVES: dict[str, Any] = {
    "period": "day",
    "unit": "count",
    "currency": "USD",
    "basis": "cumulative",
    "rating": 4,
    "confidence": Decimal("0.30"),
    "inquiry_external_id": "inquiry-2",
    "content_external_id": "post-2",
    "campaign_external_id": "campaign-2",
    "extra": {"story_taps": 3, "breakdown": {"age": ["18-24", None, 1.5, False]}},
}
_STATUSES: dict[type[Record], str] = {AdCampaign: "paused", Review: "hidden", Booking: "delivered"}
_REFERENCE_PARTS = {"inquiry_source_system", "campaign_account_id", "touch_platform"}


def with_another_value(record: Any, name: str) -> Any:
    """The same record, but for this field."""
    value = getattr(record, name)
    if name == "status":
        return replace(record, status=_STATUSES[type(record)])
    if name in _ALTERNATIVES:
        return replace(record, **{name: _ALTERNATIVES[name]})
    match value:
        case bool():
            return replace(record, **{name: not value})
        case str():
            return replace(record, **{name: f"{value} again"})
        case datetime() | date():
            return replace(record, **{name: value + timedelta(days=1)})
        case tuple():
            return replace(record, **{name: value[::-1] + value[:1]})
    return replace(record, **{name: value + 1})


def fields_with_values() -> Sequence[tuple[Record, str]]:
    """Every field of every kind that tells something, and does not tell which thing it is told of."""
    return [
        (record, field.name)
        for record in FULL_RECORDS
        for field in fields(record)
        if field.name not in NATURAL_KEYS[type(record)] | _REFERENCE_PARTS | {"as_of"}
    ]


def fields_that_may_be_empty() -> Sequence[tuple[Record, str]]:
    hints = {type(record): get_type_hints(type(record)) for record in FULL_RECORDS}
    return [(record, name) for record, name in fields_with_values() if NoneType in get_args(hints[type(record)][name])]
