"""The oracle of the daylight saving tests knows every zone, and misses no transition."""

import struct
import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.dst_oracle import DAY, HOUR, MINUTE, SAMPLED, STEP, local_time, names_by_local_time

PARTS = 4


def test_every_zone_of_the_tz_database_is_among_them() -> None:
    names = [name for alike in names_by_local_time().values() for name in alike]
    assert sorted(names) == sorted(zoneinfo.available_timezones())
    assert len(names) > 400


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("Australia/Lord_Howe", "2026-04-05T02:00+11:00", "2026-04-05T01:30+10:30"),
        ("Pacific/Apia", "2011-12-30T00:00-10:00", "2011-12-31T00:00+14:00"),
        ("Pacific/Kiritimati", "1994-12-31T00:00-10:00", "1995-01-01T00:00+14:00"),
        ("Pacific/Kwajalein", "1993-08-21T00:00-12:00", "1993-08-22T00:00+12:00"),
        ("America/Sao_Paulo", "2018-11-04T00:00-03:00", "2018-11-04T01:00-02:00"),
        ("Asia/Beirut", "2010-03-28T00:00+02:00", "2010-03-28T01:00+03:00"),
        ("Africa/Cairo", "2014-05-16T00:00+02:00", "2014-05-16T01:00+03:00"),
        ("America/Havana", "2015-11-01T01:00-04:00", "2015-11-01T00:00-05:00"),
        ("America/St_Johns", "2005-10-30T00:01-02:30", "2005-10-29T23:01-03:30"),
        ("Antarctica/Troll", "2016-03-27T01:00+00:00", "2016-03-27T03:00+02:00"),
        ("Antarctica/Casey", "2010-03-05T02:00+11:00", "2010-03-04T23:00+08:00"),
        ("Asia/Pyongyang", "2015-08-15T00:00+09:00", "2015-08-14T23:30+08:30"),
        ("America/Caracas", "2016-05-01T02:30-04:30", "2016-05-01T03:00-04:00"),
        ("Africa/Casablanca", "2026-02-15T03:00+01:00", "2026-02-15T02:00+00:00"),
        ("Africa/El_Aaiun", "2026-03-22T02:00+00:00", "2026-03-22T03:00+01:00"),
        ("America/Recife", "2000-10-08T00:00-03:00", "2000-10-08T01:00-02:00"),  # and back within a week
        ("America/Recife", "2000-10-15T00:00-02:00", "2000-10-14T23:00-03:00"),
    ],
)
def test_the_odd_transitions_are_among_them(zone: str, before: str, after: str) -> None:
    """Written as what the clock would have shown next, and what it showed instead."""
    old, new = datetime.fromisoformat(before), datetime.fromisoformat(after)
    found = [(earlier.offset, later.offset) for earlier, later in local_time(zone).transitions()
             if later.start == old.timestamp() == new.timestamp()]  # fmt: skip
    assert found == [tuple(each.utcoffset().total_seconds() for each in (old, new))]  # type: ignore[union-attr]


def test_the_zones_own_files_name_no_transition_that_was_not_found() -> None:
    """Nor are two changes in them so close that they could have hidden within a step."""
    for name in zoneinfo.available_timezones():
        listed = [each for each in changes_listed(file_of(name)) if SAMPLED[0] < each[0] <= SAMPLED[-1]]
        assert all(later[0] - earlier[0] > STEP for earlier, later in pairwise(listed)), name
        found = [(after.start, after.offset) for _, after in pairwise(local_time(name).stretches)]
        assert found[: len(listed)] == listed, name


@pytest.mark.parametrize("part", range(PARTS))
def test_minute_by_minute_the_clock_shows_what_the_oracle_says(part: int) -> None:
    for local, (name, *_) in list(names_by_local_time().items())[part::PARTS]:
        zone = zoneinfo.ZoneInfo(name)
        for before, after in local.transitions():
            low, high = sorted((after.start + before.offset, after.start + after.offset))
            reach = high - low + HOUR // 2
            near = local.around(after.start - 3 * DAY, after.start + 3 * DAY)
            shown = defaultdict(list)
            for instant in range(after.start - reach, after.start + reach, MINUTE):
                shown[datetime.fromtimestamp(instant, zone).replace(tzinfo=None)].append(instant)
            for reading in (low - MINUTE, low, (low + high) // 2, high - MINUTE, high):
                wanted = datetime.fromtimestamp(reading, UTC).replace(tzinfo=None)
                assert near.reads(reading) == shown.get(wanted, [])
                assert near.first_reaches(reading) == next(at[0] for each, at in shown.items() if each >= wanted)


def file_of(name: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        if (path := Path(folder) / name).is_file():
            return path.read_bytes()
    return (resources.files("tzdata.zoneinfo") / name).read_bytes()


def changes_listed(file: bytes) -> Iterator[tuple[int, int]]:
    """Instants and new offsets, from the 64-bit table of a TZif file (RFC 9636)."""
    is_ut, is_std, leaps, times, types, letters = struct.unpack_from(">6l", file, 20)
    second = 44 + times * 5 + types * 6 + letters + leaps * 8 + is_std + is_ut
    *_, times, types, _ = struct.unpack_from(">6l", file, second + 20)
    instants = struct.unpack_from(f">{times}q", file, second + 44)
    kinds = file[second + 44 + times * 8 :][:times]
    offsets = [each[0] for each in struct.iter_unpack(">lbB", file[second + 44 + times * 9 :][: types * 6])]
    offset = offsets[0]
    for instant, kind in zip(instants, kinds, strict=True):
        if offsets[kind] != offset:
            offset = offsets[kind]
            yield instant, offset
