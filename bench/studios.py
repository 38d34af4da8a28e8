"""Fills a database with connections and their schedules by COPY: by the million, if need be."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from anselai.adapters.cron import CroniterTimetable
from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_ring
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.secret import Secret
from bench.ours.opened import KEY
from bench.ours.platform import NAMES

Cron = Callable[[ConnectionKey, Frequency], str]
Schedule = tuple[str, str, str]  # studio, platform and frequency

LATER = timedelta(days=1)
TOKENS_LAST = timedelta(days=30)

_CONNECTION = "id, studio, platform, access_token, refresh_token, token_expires_at, scopes, status, version"
_SCHEDULE = "studio, platform, frequency, cron, timezone, enabled, catch_up, next_slot_at, version"


def default_cron(key: ConnectionKey, frequency: Frequency) -> str:
    """The one that a new connection is given."""
    return CroniterTimetable().default_cron(frequency, f"{key.studio}/{key.platform}/{frequency}")


def connection(number: int) -> ConnectionKey:
    studio, platform = divmod(number, len(NAMES))
    return ConnectionKey(f"studio-{studio:06}", NAMES[platform])


def schedule(number: int) -> Schedule:
    """Every connection has three."""
    which, rhythm = divmod(number, len(Frequency))
    key = connection(which)
    return (key.studio, key.platform, tuple(Frequency)[rhythm].value)


def fill(dsn: str, schedules: int, cron: Cron) -> None:
    """So many schedules and the connections that they belong to. None of them is due within a day."""
    now = datetime.now(UTC)
    vault = TokenVault(cipher=AesGcmCipher(derive_ring(KEY)))
    connections = [connection(number) for number in range(-(-schedules // len(Frequency)))]
    with psycopg.connect(dsn) as opened, opened.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # what refers to what is right: no row has to be asked
        with cursor.copy("COPY studios (id, name) FROM STDIN") as copy:
            for studio in sorted({key.studio for key in connections}):
                copy.write_row((studio, "A studio"))
        with cursor.copy(f"COPY platform_connections ({_CONNECTION}, created_at, updated_at) FROM STDIN") as copy:
            for number, key in enumerate(connections):
                access = vault.encrypt_token(_token("access", number, 200), key)
                refresh = vault.encrypt_token(_token("refresh", number, 100), key, "refresh_token")
                row = (UUID(int=number + 1), key.studio, key.platform, access, refresh, now + TOKENS_LAST, "{}")
                copy.write_row((*row, "active", 1, now, now))
        with cursor.copy(f"COPY sync_schedules ({_SCHEDULE}) FROM STDIN") as copy:
            for number in range(schedules):
                key, frequency = connections[number // len(Frequency)], tuple(Frequency)[number % len(Frequency)]
                later = now + LATER + timedelta(seconds=number * 0.6)  # the last of a million a week later
                rhythm = (frequency.value, cron(key, frequency), "UTC", True, "latest", later, 1)
                copy.write_row((key.studio, key.platform, *rhythm))


def make_due(dsn: str, slots: Iterable[tuple[Schedule, datetime]]) -> None:
    """Give schedules their next slots. What that leaves behind in the table is cleared away."""
    with psycopg.connect(dsn, autocommit=True) as opened:
        with opened.transaction(), opened.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE slots (studio text, platform text, frequency text, slot_at timestamptz)")
            with cursor.copy("COPY slots FROM STDIN") as copy:
                for schedule, slot_at in slots:
                    copy.write_row((*schedule, slot_at))
            cursor.execute("ANALYZE slots")
            cursor.execute(
                "UPDATE sync_schedules s SET next_slot_at = slots.slot_at FROM slots WHERE s.studio = slots.studio"
                " AND s.platform = slots.platform AND s.frequency = slots.frequency"
            )
        opened.execute("VACUUM (INDEX_CLEANUP ON) sync_schedules")


def _token(kind: str, number: int, length: int) -> Secret:
    return Secret(f"a-token-for-{kind}-{number}-".ljust(length, "x"))
