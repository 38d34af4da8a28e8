"""Records by their natural keys, and the parents that they refer to."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from anselai.domain.connection import ConnectionKey
from anselai.domain.records import (
    RECORD_TYPES,
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

NaturalKey = tuple[Any, ...]  # starts with the studio; of platform data, the platform is next
AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(slots=True)
class RecordShelf:
    """What the platforms and the studios' own systems brought in: of each thing the newest reading."""

    rows: Mapping[type[Any], dict[NaturalKey, Record]] = field(
        default_factory=lambda: {kind: {} for kind in RECORD_TYPES}
    )

    def of(self, kind: type[AnyRecord], *start: str) -> Iterator[tuple[NaturalKey, AnyRecord]]:
        """The records of a kind whose natural key starts so."""
        for key, record in self.rows[kind].items():
            if key[: len(start)] == start and isinstance(record, kind):
                yield key, record

    def forget(self, studio: str) -> None:
        """Drop every record of the studio."""
        for rows in self.rows.values():
            for key in [each for each in rows if each[0] == studio]:
                del rows[key]

    def orphans(self, source: ConnectionKey, records: Sequence[Record]) -> Sequence[Record]:
        """Those whose parent is neither here nor among the records themselves."""
        coming = {(type(each), natural_key(source, each)) for each in records}
        return [
            each
            for each in records
            if any(key not in self.rows[kind] and (kind, key) not in coming for kind, key in _parents(source, each))
        ]

    def put(self, source: ConnectionKey, records: Sequence[Record]) -> int:
        """Keep the newest reading of each thing; how many of them say something else than what was there."""
        newest: dict[tuple[type[Record], NaturalKey], Record] = {}
        for record in records:
            place = (type(record), natural_key(source, record))
            if place not in newest or newest[place].as_of <= record.as_of:
                newest[place] = record
        return sum(self._put(kind, key, record) for (kind, key), record in newest.items())

    def _put(self, kind: type[Record], key: NaturalKey, record: Record) -> bool:
        stored = self.rows[kind].get(key)
        if stored is not None and record.as_of < stored.as_of:
            return False
        self.rows[kind][key] = _copied(record)
        return stored is None or replace(record, as_of=stored.as_of) != stored


def natural_key(source: ConnectionKey, record: Record) -> NaturalKey:
    """What the platform, or the studio's own system, calls the thing."""
    studio, platform = source.studio, source.platform
    match record:
        case Metric(account_id=account, metric=metric, period=period, metric_date=day, dimension=dimension):
            return studio, platform, account, metric, period, day, dimension
        case Content(external_id=external_id):
            return studio, platform, external_id
        case ContentMetric(content_external_id=content, metric_date=day, basis=basis):
            return studio, platform, content, day, basis
        case AdCampaign(account_id=account, external_id=external_id):
            return studio, platform, account, external_id
        case AdMetric(account_id=account, campaign_external_id=campaign, metric_date=day, attribution=attribution):
            return studio, platform, account, campaign, day, attribution
        case Review(source=system, external_id=external_id):
            return studio, system, external_id
        case Inquiry(source_system=system, external_id=external_id):
            return studio, system, external_id
        case Booking(source_system=system, external_id=external_id):
            return studio, system, external_id
        case Attribution(inquiry_source_system=system, inquiry_external_id=inquiry, touch_seq=touch):
            return studio, system, inquiry, touch


def _parents(source: ConnectionKey, record: Record) -> Sequence[tuple[type[Record], NaturalKey]]:
    studio, platform = source.studio, source.platform
    match record:
        case ContentMetric(content_external_id=content):
            return [(Content, (studio, platform, content))]
        case AdMetric(account_id=account, campaign_external_id=campaign):
            return [(AdCampaign, (studio, platform, account, campaign))]
        case Booking(inquiry_source_system=system, inquiry_external_id=str(inquiry)):
            return [(Inquiry, (studio, system, inquiry))]
        case Attribution(inquiry_source_system=system, inquiry_external_id=inquiry):
            return [(Inquiry, (studio, system, inquiry))]
    return []


def _copied(record: AnyRecord) -> AnyRecord:
    """`extra` is the one thing in a record that its maker could still change."""
    if isinstance(record, Metric | Attribution):
        return record
    return replace(record, extra=deepcopy(dict(record.extra)))
