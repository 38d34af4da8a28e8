"""Studios, connections and schedules that come due all through a scenario, and which slots they have."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_ring
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionKey
from anselai.domain.secret import Secret
from chaos.platform import NAME
from chaos.size import Size

MINUTE = timedelta(minutes=1)
START_BACKLOG = 5.0  # seconds of full work that are due when it starts
OVERLOAD = 1.2  # of the capacity comes due in each second, so that there is always work

SCHEDULE = "studio, platform, frequency, cron, timezone, enabled, catch_up, next_slot_at, version"
CONNECTION = (
    "id, studio, platform, account_id, access_token, refresh_token, token_expires_at, scopes, status, version,"
    " created_at, updated_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One schedule: its first slot and, where it is `minutely`, every full minute after that."""

    studio: str
    first: datetime
    account: str
    minutely: bool = False
    catch_up: str = "latest"

    @property
    def frequency(self) -> str:
        return "hourly" if self.minutely else "daily"

    @property
    def steps(self) -> int:
        """The records that a run of it brings in."""
        return int(self.account.partition(":")[2] or 0)

    def slots(self, until: datetime) -> Iterator[datetime]:
        slot = self.first
        while slot <= until:
            yield slot
            if not self.minutely:
                return
            slot = slot.replace(second=0, microsecond=0) + MINUTE


def lines(size: Size, start: datetime, seconds: float) -> list[Line]:
    """The schedules of a scenario of that many seconds: one in eight syncs stores something, a few are long.

    Most have a single slot. The minutely ones come due at any instant of the first minute and then at every full one;
    a part of them was left alone for some minutes before, and their catch-up rules have to say what becomes of those.
    """
    at_once = int(START_BACKLOG * size.capacity)
    later = int(OVERLOAD * size.capacity * seconds)
    firsts = [start - timedelta(seconds=random.uniform(0.1, 50)) for _ in range(at_once)]  # noqa: S311
    firsts += [start + timedelta(seconds=seconds * number / later) for number in range(later)]
    single = [
        Line(studio=f"single-{number:06}", first=first, account="storing:1" if number % 8 == 0 else "short")
        for number, first in enumerate(firsts)
    ]
    long = [
        Line(studio=f"long-{number:03}", first=start - MINUTE, account=f"long:{size.long_sync_steps}")
        for number in range(size.long_syncs)
    ]
    minutely = [
        Line(
            studio=f"minutely-{number:05}",
            first=start + timedelta(seconds=random.uniform(0, 60)) - (number % 5 == 0) * 7 * MINUTE,  # noqa: S311
            account="storing:1" if number % 8 == 1 else "short",
            minutely=True,
            catch_up=("latest", "all", "skip")[number % 3],
        )
        for number in range(size.minutely)
    ]
    return [*single, *long, *minutely]


def fill(dsn: str, key: str, population: Sequence[Line], now: datetime) -> None:
    """Write them into the database, with sealed tokens that are good for a month."""
    vault = TokenVault(cipher=AesGcmCipher(derive_ring(Secret(key))))
    never = now - timedelta(days=2)
    yearly = f"0 0 {never.day} {never.month} *"
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY studios (id, name) FROM STDIN") as copy:
            for line in population:
                copy.write_row((line.studio, "A studio"))
        with cursor.copy(f"COPY platform_connections ({CONNECTION}) FROM STDIN") as copy:
            for number, line in enumerate(population):
                where = ConnectionKey(line.studio, NAME)
                access = vault.encrypt_token(Secret(f"an-access-token-{number:0100}"), where)
                refresh = vault.encrypt_token(Secret(f"a-refresh-token-{number:060}"), where, "refresh_token")
                tokens = (access, refresh, now + timedelta(days=30), "{}")
                copy.write_row((UUID(int=number + 1), line.studio, NAME, line.account, *tokens, "active", 1, now, now))
        with cursor.copy(f"COPY sync_schedules ({SCHEDULE}) FROM STDIN") as copy:
            for line in population:
                cron = "* * * * *" if line.minutely else yearly
                copy.write_row((line.studio, NAME, line.frequency, cron, "UTC", True, line.catch_up, line.first, 1))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")


def utc_now() -> datetime:
    return datetime.now(UTC)
