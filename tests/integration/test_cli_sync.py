"""Pausing, resuming, cancelling and explaining syncs in a terminal, as real commands over one database."""

import pytest

from tests.integration.processes import Home

FREQUENCIES = ["hourly", "daily", "weekly"]
NOBODY = "  No scheduler is running, so nothing runs. Start one with: anselai serve"


@pytest.fixture
def connected(external: Home) -> Home:
    """A home where google is connected, with a daily sync at 06:30 in Berlin."""
    external.json("connections", "add", "google", "--access-token-file", "-", given="ya29.a-token\n")
    external.json("sync", "schedule", "google", "daily", "--cron", "30 6 * * *", "--timezone", "Europe/Berlin")
    return external


def test_a_platform_is_paused_and_resumed_as_often_as_one_likes(connected: Home) -> None:
    paused = connected.run("sync", "pause", "google")
    assert paused.code == 0
    assert paused.out.splitlines() == [
        "Paused: hourly, daily and weekly.",
        *(f"  The {each} sync of google is off: switched off by a person." for each in FREQUENCIES),
    ]
    assert connected.run("sync", "pause", "google").out.startswith("Paused already: hourly, daily and weekly.\n")
    one = connected.run("sync", "resume", "google", "--frequency", "daily").out.splitlines()
    assert one[0] == "Resumed: daily."
    assert one[1].startswith("  The daily sync of google runs next ")
    assert " 06:30 Europe/Berlin, in " in one[1]
    assert len(one) == 2
    rest = connected.run("sync", "resume", "google").out.splitlines()
    assert rest[0] == "Resumed: hourly and weekly. Resumed already: daily."
    assert len(rest) == 4


def test_pausing_answers_with_each_schedule_and_whether_it_changed(connected: Home) -> None:
    [weekly] = connected.json("sync", "pause", "google", "--frequency", "weekly")
    assert (weekly["frequency"], weekly["enabled"], weekly["changed"]) == ("weekly", False, True)
    assert weekly["disabledReason"] == "switched off by a person"
    every = connected.json("sync", "pause", "google")
    assert [(each["frequency"], each["changed"]) for each in every] == list(
        zip(FREQUENCIES, (True, True, False), strict=True)
    )
    resumed = connected.json("sync", "resume", "google")
    assert all(each["enabled"] and each["nextRunAt"] and each["changed"] for each in resumed)
    assert not any(each["changed"] for each in connected.json("sync", "resume", "google"))


def test_a_sync_that_is_asked_for_again_with_its_key_is_the_same_job(connected: Home) -> None:
    ask = ("sync", "run", "google", "--frequency", "weekly", "--idempotency-key", "tuesday")
    first = connected.json(*ask)
    assert connected.json(*ask) == {**first, "deduplicated": True}
    connected.json("sync", "cancel", "google")
    again = connected.run(*ask)
    told = f"The weekly sync that this key stands for has ended already, as cancelled: job {first['id']}.\n"
    assert (again.code, again.out) == (0, told)
    other = connected.run("sync", "run", "google", "--idempotency-key", "tuesday")
    assert other.code == 1
    assert "IDEMPOTENCY_KEY_REUSED" in other.err
    assert "VALIDATION_ERROR" in connected.run("sync", "run", "google", "--idempotency-key", "two words").err


def test_queued_syncs_are_cancelled(connected: Home) -> None:
    for frequency in ("hourly", "weekly"):
        connected.json("sync", "run", "google", "--frequency", frequency)
    [weekly] = connected.json("sync", "cancel", "google", "--frequency", "weekly")
    assert (weekly["frequency"], weekly["state"]) == ("weekly", "cancelled")
    cancelled = connected.run("sync", "cancel", "google").out
    assert cancelled.startswith("Cancelled the hourly sync of google, before it started: job ")
    nothing = connected.run("sync", "cancel", "google")
    assert (nothing.code, nothing.out) == (0, "Nothing to cancel: no sync of google is queued or running.\n")
    assert connected.json("sync", "cancel", "google", "--frequency", "daily") == []


def test_the_next_run_and_what_holds_it_up_are_explained(connected: Home) -> None:
    connected.json("sync", "run", "google", "--frequency", "hourly")
    connected.json("sync", "pause", "google", "--frequency", "weekly")
    lines = connected.run("sync", "explain", "google").out.splitlines()
    hourly, daily, weekly = [number for number, line in enumerate(lines) if line.startswith("The ")]
    assert lines[hourly].startswith("The hourly sync of google runs next ")
    assert lines[hourly + 1] == NOBODY
    assert lines[hourly + 2].startswith("  The manual run of ")
    assert lines[hourly + 2].endswith(", and starts when a scheduler does.")
    assert " at 06:30 Europe/Berlin, in " in lines[daily]
    assert lines[daily + 1 : weekly] == [NOBODY, "  It has not run yet."]
    assert lines[weekly] == "The weekly sync of google is off: switched off by a person."
    command = "anselai sync resume google --frequency weekly"
    assert lines[weekly + 1 :] == [f"  Switch it on again with: {command}", "  It has not run yet."]


def test_the_explanation_is_json_for_scripts(connected: Home) -> None:
    explained = connected.json("sync", "explain", "google")
    assert set(explained) == {"platform", "frequencies"}
    assert explained["platform"] == "google"
    assert [each["frequency"] for each in explained["frequencies"]] == FREQUENCIES
    assert all(set(each) == {"frequency", "headline", "sentences"} for each in explained["frequencies"])


@pytest.mark.parametrize("command", ["pause", "resume", "cancel", "explain"])
def test_what_cannot_be_done_is_refused_in_a_sentence(external: Home, command: str) -> None:
    for platform, code in (("google", "CONNECTION_NOT_FOUND"), ("flickr", "UNKNOWN_PLATFORM")):
        done = external.run("sync", command, platform)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"Error [{code}]: ")
    if command != "explain":
        assert external.run("sync", command, "google", "--frequency", "yearly").code == 2
