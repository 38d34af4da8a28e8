"""`/api/metrics`: real figures, and zeros without any."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest

from anselai.application.ansel import Ansel
from anselai.domain.records import Record
from tests.integration.http.asking import connect, refusal
from tests.samples import DAY, a_booking, a_campaign, a_metric, a_review, an_ad_metric, an_inquiry


async def store_figures(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    await client.post("/api/sync/google")
    [claimed] = await ansel.worker.jobs.claim(uuid4(), 10, timedelta(seconds=60))
    records: list[Record] = [
        a_metric("followers", 1200),
        a_campaign(),
        an_ad_metric(spend_micros=12_340_000, conversions=Decimal("1.5"), clicks=7),
        an_inquiry(),
        a_booking(total_minor=250_050),
        a_review(rating=4),
    ]
    await ansel.worker.runner.records.store(claimed.job.lease, records, None)


async def test_without_data_all_figures_are_zero(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/metrics/overview")
    assert response.json()["data"] == {
        "period": {"from": "2026-04-21", "to": "2026-05-20"},
        "hasData": False,
        "platforms": [],
        "business": {
            "hasData": False,
            "inquiries": 0,
            "bookings": 0,
            "revenueBooked": [],
            "reviews": 0,
            "averageRating": None,
        },
    }


async def test_a_platform_without_data_has_zeros(client: httpx.AsyncClient) -> None:
    data = (await client.get("/api/metrics/google?from=2026-05-01&to=2026-05-20")).json()["data"]
    assert data == {
        "period": {"from": "2026-05-01", "to": "2026-05-20"},
        "platform": "google",
        "hasData": False,
        "followers": 0,
        "reach": 0,
        "views": 0,
        "posts": 0,
        "interactions": 0,
        "adSpend": [],
        "adImpressions": 0,
        "adClicks": 0,
        "conversions": 0,
    }


async def test_figures_are_told_with_money_as_text_and_its_currency(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await store_figures(client, ansel)
    data = (await client.get("/api/metrics/overview")).json()["data"]
    assert data["hasData"] is True
    business = data["business"]
    assert (business["inquiries"], business["bookings"], business["reviews"]) == (1, 1, 1)
    assert business["averageRating"] == 4
    [revenue] = business["revenueBooked"]
    assert (revenue["currency"], Decimal(revenue["amount"])) == ("EUR", Decimal("2500.50"))
    [google] = data["platforms"]
    [spend] = google["adSpend"]
    assert isinstance(spend["amount"], str)
    assert (spend["currency"], Decimal(spend["amount"])) == ("EUR", Decimal("12.34"))
    assert (google["adClicks"], google["conversions"], google["followers"]) == (7, 1.5, 1200)
    one = (await client.get("/api/metrics/google")).json()["data"]
    assert one == {**google, "period": data["period"]}


async def test_figures_are_of_the_period_that_was_asked_for(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await store_figures(client, ansel)
    before = DAY - timedelta(days=1)
    data = (await client.get(f"/api/metrics/google?to={before}")).json()["data"]
    assert (data["adClicks"], data["adSpend"]) == (0, [])


@pytest.mark.parametrize("path", ["/api/metrics/overview", "/api/metrics/google"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-05-21&to=2026-05-20", "from"),
        ("from=1990-01-01&to=2026-05-20", "from"),
        ("from=today", "from"),
        ("from=2026-02-30", "from"),
        ("from=2026-05-20T12:00:00Z", "from"),
        ("to=0001-01-01", "to"),
        ("to=9999-12-31", "to"),
        ("from=", "from"),
        ("first=2026-05-20", "first"),
    ],
)
async def test_a_wrong_period_is_refused(client: httpx.AsyncClient, path: str, query: str, field: str) -> None:
    response = await client.get(f"{path}?{query}")
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert [each["path"] for each in response.json()["details"]] == [field]


async def test_an_unknown_platform_has_no_figures(client: httpx.AsyncClient) -> None:
    assert refusal(await client.get("/api/metrics/myspace")) == (404, "UNKNOWN_PLATFORM")
