"""Slots that passed while no daemon was there, and what each schedule makes of them when one is there again."""

from datetime import UTC, datetime, timedelta

import psycopg

from tests.integration.processes import Home, patiently

HOURS_AWAY = 30


def test_each_schedule_catches_up_in_its_own_way_across_restarts(external: Home, owners_url: str) -> None:
    half_an_hour_ago = datetime.now(UTC) - timedelta(minutes=30)
    for platform, catch_up in (("google", "latest"), ("meta", "all"), ("pinterest", "skip")):
        external.json("connections", "add", platform, "--access-token-file", "-", given="a-token\n")
        cron = f"{half_an_hour_ago.minute} * * * *"
        external.json("sync", "schedule", platform, "hourly", "--cron", cron, "--catch-up", catch_up)
    with psycopg.connect(owners_url) as connection:
        connection.execute(
            "UPDATE sync_schedules SET next_slot_at = date_trunc('minute', %s) - %s WHERE frequency = 'hourly'",
            (half_an_hour_ago, timedelta(hours=HOURS_AWAY - 1)),
        )

    def slots(platform: str, outcome: str) -> int:
        rows = external.json("sync", "log", "--platform", platform, "--outcome", outcome, "--limit", "200")["entries"]
        return sum(row["count"] for row in rows if row["trigger"] == "schedule")

    with external.started("scheduler") as first:
        for _ in patiently("nothing is caught up with"):
            if slots("meta", "succeeded") > 2:
                break
        assert first.stop() == 0
    with external.started("scheduler") as second:
        for _ in patiently("the second daemon does not go on"):
            if slots("meta", "succeeded") == 24 and slots("google", "succeeded") == 1:
                break
        assert second.stop() == 0
    assert slots("google", "coalesced") == HOURS_AWAY - 1
    assert slots("meta", "missed") == HOURS_AWAY - 24
    assert slots("pinterest", "missed") == HOURS_AWAY
    assert slots("pinterest", "succeeded") == 0
