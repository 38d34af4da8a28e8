"""The single checks of the foundation test. Each returns what it found as a sentence, or raises."""

from collections.abc import Sequence
from datetime import timedelta

from anselai.application.ansel import Ansel
from anselai.application.phrases import counted
from anselai.container import KeyInUse, check_key
from anselai.domain.connection import DEFAULT_STUDIO, ConnectionStatus
from anselai.domain.errors import ConnectionNotFound, TokenUnreadable
from anselai.domain.frequency import Frequency
from anselai.domain.secret import Secret
from anselai.domain.sync_job import JobState, Outcome
from anselai.settings import Settings

STUB = "stub"  # the one platform of a rehearsal
ACCESS_TOKEN = "check-access-token"  # noqa: S105  opens nothing
REFRESH_TOKEN = "check-refresh-token"  # noqa: S105
LONGEST_WAIT = {
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(weeks=1),
}


class CheckFailed(Exception):
    """Something works, but not as it should."""


async def settings(given: Settings) -> str:
    check_key(given)
    return f"read, and the key {'of ENCRYPTION_KEY is good' if given.encryption_key else 'is kept in the data folder'}"


async def schema(ansel: Ansel) -> str:
    await ansel.health.check_schema()
    return "is current"


def tell_tables(tables: Sequence[str]) -> str:
    return f"{len(tables)} written, read back, deleted and undone: {', '.join(sorted(tables))}"


async def stored_tokens(ansel: Ansel, key: KeyInUse) -> str:
    """No stored token of any studio needs another key, and the keys open those of the default studio."""
    await ansel.keys.check()
    stored = await ansel.connections.connections.list(DEFAULT_STUDIO)
    unreadable = []
    for connection in stored:
        try:
            ansel.connections.vault.open_credentials(connection)
        except TokenUnreadable:
            unreadable.append(connection.key.platform)
    if unreadable:
        raise CheckFailed(
            f"{key.source} (id {key.id}) does not open the stored tokens of {', '.join(unreadable)}. "
            "Bring back the key that they were sealed with, or connect these platforms again."
        )
    return f"{key.source} (id {key.id}) opens the stored tokens of {counted(len(stored), 'connection')}"


async def encryption(ansel: Ansel) -> str:
    """A token comes back as it was; a tampered, cut or moved one is refused."""
    connections = ansel.connections
    sealed = connections.encrypt_token(STUB, ACCESS_TOKEN)
    if ACCESS_TOKEN in sealed or connections.decrypt_token(STUB, sealed) != Secret(ACCESS_TOKEN):
        raise CheckFailed("a sealed token did not come back as it was")
    flipped = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for what, token, platform in (
        ("tampered", flipped, STUB),
        ("cut", sealed[:-8], STUB),
        ("moved", sealed, f"{STUB}-2"),
    ):
        try:
            connections.decrypt_token(platform, token)
        except TokenUnreadable:
            continue
        raise CheckFailed(f"a {what} token was opened")
    return "AES-256-GCM: a token sealed and opened; a tampered, a cut and a moved one refused"


def tell_rehearsal(_: Ansel) -> str:
    return "tables of its own, by the migrations, in a transaction that is never committed"


async def connection(ansel: Ansel) -> str:
    """Save, read back, test, refresh."""
    connections = ansel.connections
    await connections.save_connection(STUB, access_token=ACCESS_TOKEN, refresh_token=REFRESH_TOKEN, account_id="check")
    found = await connections.get_connection(STUB)
    [stored] = await connections.connections.list(DEFAULT_STUDIO)
    opened = connections.vault.open_credentials(stored)
    if (found.account_id, found.status) != ("check", ConnectionStatus.ACTIVE):
        raise CheckFailed("the connection was not read back as it was saved")
    if (opened.access_token, opened.refresh_token) != (Secret(ACCESS_TOKEN), Secret(REFRESH_TOKEN)):
        raise CheckFailed("the stored tokens are not those that were saved")
    if not (await connections.test_connection(STUB)).ok:
        raise CheckFailed("the test of a good connection failed")
    await connections.refresh_token(STUB)
    return "saved, read back with its tokens, tested and refreshed (by a stub)"


async def sync(ansel: Ansel) -> str:
    """A sync is queued, claimed, run and logged."""
    queued = await ansel.scheduler.run_sync_now(STUB, Frequency.HOURLY)
    await ansel.worker.drain()
    job = await ansel.scheduler.get_job(queued.id)
    outcomes = [each.outcome for each in job.attempts]
    if job.state is not JobState.SUCCEEDED or outcomes != [Outcome.SUCCEEDED]:
        raise CheckFailed(f"the sync ended as {job.state}: {job.error or 'its log is not as expected'}")
    return "queued, run and logged (by a stub)"


async def next_runs(ansel: Ansel) -> str:
    """Each schedule runs next within its rhythm. The connection of the checks before is removed at the end."""
    now = ansel.clock.now()
    for frequency, longest in LONGEST_WAIT.items():
        when = await ansel.scheduler.get_next_sync(STUB, frequency)
        if when is None or not now < when <= now + longest:
            raise CheckFailed(f"the next {frequency} run is at {when}, not within {longest}")
    await ansel.connections.remove_connection(STUB)
    try:
        await ansel.connections.get_connection(STUB)
    except ConnectionNotFound:
        return "hourly, daily and weekly come within an hour, a day and a week; removing the connection ends them"
    raise CheckFailed("a removed connection is still there")
