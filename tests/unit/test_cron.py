"""Crons, zones and their transitions: the policy of the Timetable port."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anselai.adapters.cron import CroniterTimetable
from anselai.domain.errors import InvalidInput
from anselai.domain.frequency import Frequency

TIMETABLE = CroniterTimetable()
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]


def slots(frequency: Frequency, cron: str, zone: str, after: datetime, count: int) -> list[str]:
    """The next slots, as local times with their offsets."""
    local = []
    for _ in range(count):
        after = TIMETABLE.next_after(frequency, cron, zone, after)
        local.append(after.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z"))
    return local


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


def test_an_hourly_schedule_runs_in_both_hours_of_the_autumn_fold() -> None:
    assert slots(Frequency.HOURLY, "17 * * * *", "Europe/Berlin", berlin("2026-10-25T01:20"), 4) == [
        "25 02:17+0200",
        "25 02:17+0100",
        "25 03:17+0100",
        "25 04:17+0100",
    ]


def test_an_hourly_schedule_leaves_out_the_hour_that_spring_leaves_out() -> None:
    assert slots(Frequency.HOURLY, "17 * * * *", "Europe/Berlin", berlin("2026-03-29T00:20"), 3) == [
        "29 01:17+0100",
        "29 03:17+0200",
        "29 04:17+0200",
    ]


def test_a_daily_schedule_runs_once_in_the_autumn_fold_at_the_first_of_the_two() -> None:
    assert slots(Frequency.DAILY, "30 2 * * *", "Europe/Berlin", berlin("2026-10-24T03:00"), 2) == [
        "25 02:30+0200",
        "26 02:30+0100",
    ]


def test_a_daily_schedule_whose_time_is_left_out_in_spring_runs_at_the_first_instant_after_the_gap() -> None:
    assert slots(Frequency.DAILY, "30 2 * * *", "Europe/Berlin", berlin("2026-03-28T03:00"), 2) == [
        "29 03:00+0200",
        "30 02:30+0200",
    ]


def test_a_weekly_schedule_on_the_night_of_a_transition_runs_once() -> None:
    assert slots(Frequency.WEEKLY, "30 2 * * 0", "Europe/Berlin", berlin("2026-10-20T00:00"), 2) == [
        "25 02:30+0200",
        "01 02:30+0100",
    ]


def test_a_day_that_a_zone_leaves_out_altogether_has_no_daily_run() -> None:
    before = datetime(2011, 12, 29, 12, tzinfo=UTC)
    assert slots(Frequency.DAILY, "0 6 * * *", "Pacific/Apia", before, 2) == ["29 06:00-1000", "31 06:00+1400"]


def test_two_daily_times_within_one_gap_are_one_run() -> None:
    assert slots(Frequency.DAILY, "15,45 2 * * *", "Europe/Berlin", berlin("2026-03-29T00:00"), 2) == [
        "29 03:00+0200",
        "30 02:15+0200",
    ]


def test_a_sparse_cron_of_an_hourly_schedule_is_found_across_a_transition() -> None:
    assert slots(Frequency.HOURLY, "0 9 1 * *", "Europe/Berlin", berlin("2026-10-02T00:00"), 2) == [
        "01 09:00+0100",
        "01 09:00+0100",
    ]


@settings(max_examples=300)
@given(
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 59),
    after=st.datetimes(datetime(1995, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),
)
def test_the_next_run_is_always_later_and_hourly_runs_are_never_far_apart(
    zone: str, minute: int, after: datetime
) -> None:
    first = TIMETABLE.next_after(Frequency.HOURLY, f"{minute} * * * *", zone, after)
    second = TIMETABLE.next_after(Frequency.HOURLY, f"{minute} * * * *", zone, first)
    assert after < first <= after + timedelta(minutes=90)
    assert first.astimezone(ZoneInfo(zone)).minute == minute
    whole_hours = zone != "Australia/Lord_Howe"  # its summer time is half an hour
    assert second - first == timedelta(hours=1) or (not whole_hours and second - first <= timedelta(minutes=90))


@settings(max_examples=300)
@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    after=st.datetimes(datetime(1995, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)),
)
def test_a_daily_schedule_runs_once_on_each_local_day(zone: str, hour: int, after: datetime) -> None:
    first = TIMETABLE.next_after(Frequency.DAILY, f"30 {hour} * * *", zone, after)
    second = TIMETABLE.next_after(Frequency.DAILY, f"30 {hour} * * *", zone, first)
    days = [each.astimezone(ZoneInfo(zone)).date() for each in (first, second)]
    assert days[1] - days[0] == timedelta(days=1)
    assert after < first


def test_default_crons_are_plain_and_spread_over_the_hour() -> None:
    crons = [TIMETABLE.default_cron(Frequency.HOURLY, f"studio-{n}/google/hourly") for n in range(600)]
    minutes = [int(cron.split()[0]) for cron in crons]
    assert all(cron.split()[1:] == ["*", "*", "*", "*"] for cron in crons)
    assert len(set(minutes)) == 60
    assert max(minutes.count(minute) for minute in range(60)) < 30
    TIMETABLE.check(TIMETABLE.default_cron(Frequency.WEEKLY, "default/google/weekly"), "UTC")


def test_default_crons_use_every_minute_of_a_day_alike() -> None:
    minutes = {TIMETABLE.default_cron(Frequency.DAILY, f"studio-{n}/google/daily") for n in range(20_000)}
    assert len(minutes) == 24 * 60


def test_the_same_connection_always_has_the_same_default_cron() -> None:
    assert TIMETABLE.default_cron(Frequency.DAILY, "a/b") == TIMETABLE.default_cron(Frequency.DAILY, "a/b")


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 31 2 *", "@hourly", "H * * * *", "R * * * *", "a b c d e",
     "*/0 * * * *", "0 0 * * 9", "1-0-2 * * * *", "* " * 200, "0\n0 * * *", "٣ * * * *"],
)  # fmt: skip
def test_a_cron_that_is_not_one_is_refused_at_its_field(cron: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        TIMETABLE.check(cron, "UTC")
    assert [problem.path for problem in refused.value.problems] == ["cron"]


@pytest.mark.parametrize("cron", [None, 5, b"0 * * * *", ["0", "*", "*", "*", "*"]])
def test_a_cron_that_is_no_text_is_refused_at_its_field(cron: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        TIMETABLE.check(cron, "UTC")
    assert [problem.path for problem in refused.value.problems] == ["cron"]


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "right/UTC", "posix/Europe/Berlin", "Factory", "utc"])
def test_a_zone_that_another_machine_may_not_know_or_know_otherwise_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInput, match="IANA time zone"):
        TIMETABLE.check("0 * * * *", zone)


@pytest.mark.parametrize("zone", [*ZONES, "Etc/UTC", "America/Argentina/Buenos_Aires"])
def test_the_zones_of_the_tz_database_are_fine(zone: str) -> None:
    TIMETABLE.check("0 * * * *", zone)


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "Mars/Olympus",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe",
        "\0",
        "\udcff",
        "x" * 5000,
        None,
        5,
        b"UTC",
        [],
    ],
)
def test_a_zone_that_is_not_one_is_refused_at_its_field(zone: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        TIMETABLE.check("0 * * * *", zone)
    assert [problem.path for problem in refused.value.problems] == ["timezone"]


@pytest.mark.parametrize("cron", ["*/15 * * * *", "0 9-17 * * 1-5", "0 6 L * *", "30 4 * JAN,JUL sun", "0 6 * * 1#2"])
def test_the_usual_crons_are_fine(cron: str) -> None:
    TIMETABLE.check(cron, "Europe/Berlin")
