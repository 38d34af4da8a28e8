"""Lengths of time, places and lists, as a person reads them."""

from datetime import timedelta

import pytest

from anselai.application.phrases import counted, distance, length, listed, ordinal


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (-59, "just now"),
        (59, "in less than a minute"),
        (60, "in 1 minute"),
        (-7200, "2 hours ago"),
        (86400 * 40, "in 40 days"),
    ],
)
def test_a_distance_in_time_is_told_in_words(seconds: int, words: str) -> None:
    assert distance(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 ms"), (0.04, "40 ms"), (1, "1 s"), (59.7, "1 min 0 s"), (125, "2 min 5 s"), (100000, "27 h 46 min")],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert length(timedelta(seconds=seconds)) == words


def test_places_counts_and_lists_are_words() -> None:
    assert [ordinal(place) for place in (1, 10, 11, 12, 13, 21, 22, 23, 24, 111)] == [
        *("first", "tenth", "11th", "12th", "13th", "21st", "22nd", "23rd", "24th", "111th")
    ]
    assert [counted(number, "record") for number in (0, 1, 1200)] == ["0 records", "1 record", "1,200 records"]
    assert [listed("abc"[:number]) for number in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
