"""Entities and records for tests, valid as they are: a test names only what it is about."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from anselai.domain.connection import DEFAULT_STUDIO, ConnectionKey, ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.frequency import Frequency
from anselai.domain.records import (
    AdCampaign,
    AdMetric,
    Attribution,
    Booking,
    Content,
    ContentMetric,
    Inquiry,
    Metric,
    Review,
)
from anselai.domain.schedule import SyncSchedule
from anselai.domain.secret import Secret
from tests.fakes import NOON, SequentialIds

GOOGLE = ConnectionKey(DEFAULT_STUDIO, "google")
DAY = date(2026, 5, 20)

_ids = SequentialIds(last=1 << 40)  # far from those that a test makes itself


def some_id() -> UUID:
    """An id that nothing else has."""
    return _ids.new()


def a_connection(key: ConnectionKey = GOOGLE, **changes: Any) -> PlatformConnection:
    values: dict[str, Any] = {
        "id": some_id(),
        "account_id": "account-1",
        "access_token": SealedToken("sealed-access"),
        "refresh_token": SealedToken("sealed-refresh"),
        "token_expires_at": NOON + timedelta(days=30),
        "scopes": ("read", "insights"),
        "status": ConnectionStatus.ACTIVE,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return PlatformConnection(key=key, **values | changes)


def a_schedule(
    key: ConnectionKey = GOOGLE, frequency: Frequency = Frequency.HOURLY, next_slot_at: datetime = NOON, **changes: Any
) -> SyncSchedule:
    values: dict[str, Any] = {"cron": "0 * * * *", "timezone": "UTC", "enabled": True}
    return SyncSchedule(key=key, frequency=frequency, next_slot_at=next_slot_at, **values | changes)


def a_metric(metric: str = "views", value: int | str = 10, **changes: Any) -> Metric:
    values: dict[str, Any] = {"account_id": "account-1", "metric_date": DAY, "as_of": NOON}
    return Metric(metric=metric, value=Decimal(value), **values | changes)


def a_post(external_id: str = "post-1", **changes: Any) -> Content:
    values: dict[str, Any] = {
        "account_id": "account-1",
        "content_type": "image",
        "published_at": NOON,
        "as_of": NOON,
    }
    return Content(external_id=external_id, **values | changes)


def a_content_metric(content: str = "post-1", **changes: Any) -> ContentMetric:
    values: dict[str, Any] = {"metric_date": DAY, "basis": "cumulative", "likes": 5, "as_of": NOON}
    return ContentMetric(content_external_id=content, **values | changes)


def a_campaign(external_id: str = "campaign-1", **changes: Any) -> AdCampaign:
    values: dict[str, Any] = {"account_id": "ads-1", "name": "Spring weddings", "status": "active", "as_of": NOON}
    return AdCampaign(external_id=external_id, **values | changes)


def an_ad_metric(campaign: str = "campaign-1", **changes: Any) -> AdMetric:
    values: dict[str, Any] = {
        "account_id": "ads-1",
        "metric_date": DAY,
        "spend_micros": 12_500_000,
        "currency": "EUR",
        "as_of": NOON,
    }
    return AdMetric(campaign_external_id=campaign, **values | changes)


def a_review(external_id: str = "review-1", **changes: Any) -> Review:
    values: dict[str, Any] = {
        "source": "google",
        "account_id": "account-1",
        "rating": 5,
        "reviewed_at": NOON,
        "as_of": NOON,
    }
    return Review(external_id=external_id, **values | changes)


def an_inquiry(external_id: str = "inquiry-1", **changes: Any) -> Inquiry:
    values: dict[str, Any] = {"source_system": "website_form", "received_at": NOON, "as_of": NOON}
    return Inquiry(external_id=external_id, **values | changes)


def a_booking(external_id: str = "booking-1", **changes: Any) -> Booking:
    values: dict[str, Any] = {
        "source_system": "manual",
        "status": "confirmed",
        "total_minor": 250_000,
        "currency": "EUR",
        "booked_at": NOON,
        "as_of": NOON,
    }
    return Booking(external_id=external_id, **values | changes)


def a_touch(inquiry: str = "inquiry-1", touch_seq: int = 1, **changes: Any) -> Attribution:
    values: dict[str, Any] = {
        "inquiry_source_system": "website_form",
        "occurred_at": NOON,
        "channel": "organic_social",
        "as_of": NOON,
    }
    return Attribution(inquiry_external_id=inquiry, touch_seq=touch_seq, **values | changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A key, the tokens of `default`'s google connection, and what a cipher made of them."""

    encryption_key: Secret
    opened_access: Secret
    opened_refresh: Secret
    access_token: SealedToken
    refresh_token: SealedToken


# By the cipher of the release that had one key: nothing that is sealed in this format may ever stop opening.
OF_BEFORE = Sealed(
    encryption_key=Secret("8d1f6a03c97b42e5a0f4d2681b3c5e7f9a60b1c2d3e4f5061728394a5b6c7d8e"),
    opened_access=Secret("an-access-token-of-before"),
    opened_refresh=Secret("a-refresh-token-of-before"),
    access_token=SealedToken(
        "v1.58855a015cf0.d3ae272de2bc10d0fe7cf3a68d5f669bd48e63b2d68ba2075ba9e7c3a301fe4d8b4cbf4368fccfeb056bef2eeae526"
        "8d6564fa16f0"
    ),
    refresh_token=SealedToken(
        "v1.58855a015cf0.596af1ea74db2fdb9feb632cd53401a3afdc8e0a3e31eced87b4519d6947f6142aa9ee6e37260c4b807efc37a142cd"
        "221e6d23d860"
    ),
)
