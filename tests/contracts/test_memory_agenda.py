"""The agenda of the memory store against the plainest thing that does the same."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from anselai.adapters.memory.agenda import Agenda
from tests.fakes import NOON

items = st.integers(0, 5)
minutes = st.integers(0, 5)
acts = st.lists(st.one_of(st.tuples(st.just("put"), items, minutes), st.tuples(st.just("drop"), items, st.just(0))))


@given(acts, minutes, st.integers(0, 6), st.sets(items))
def test_an_agenda_tells_what_a_sorted_list_would(
    acts: list[tuple[str, int, int]], now: int, limit: int, unwanted: set[int]
) -> None:
    agenda: Agenda[int] = Agenda()
    times: dict[int, int] = {}
    for act, item, minute in acts:
        if act == "put":
            agenda.put(item, NOON + timedelta(minutes=minute))
            times[item] = minute
        else:
            agenda.drop(item)
            times.pop(item, None)
    due = [item for minute, item in sorted((minute, item) for item, minute in times.items()) if minute <= now]
    wanted = [item for item in due if item not in unwanted][:limit]
    for _ in range(2):  # asking changes nothing
        assert agenda.due(NOON + timedelta(minutes=now), limit, lambda item: item not in unwanted) == wanted
    first = min(times.values(), default=None)
    assert agenda.first_at() == (None if first is None else NOON + timedelta(minutes=first))


def test_an_agenda_does_not_keep_what_was_moved_for_ever() -> None:
    agenda: Agenda[str] = Agenda()
    for minute in range(10_000):
        agenda.put("item", NOON + timedelta(minutes=minute))
    assert len(agenda.heap) < 2_000
    assert agenda.first_at() == NOON + timedelta(minutes=9_999)
