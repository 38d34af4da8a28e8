"""A rotation while a process of its own reads and refreshes. `make rotation` does it with a million connections."""

from bench.rotation import fill, rotate_under_load

ROWS = 3000


def test_no_read_fails_and_no_update_is_lost_while_keys_rotate(owners_url: str, database_url: str) -> None:
    fill(owners_url, ROWS)
    report = rotate_under_load(database_url, ROWS)
    assert report.seen["reads"] > 0
    assert report.seen["refreshes"] > 0
    assert report.holds, "\n".join(report.lines())
