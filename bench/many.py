"""A database with so many schedules, filled once in a run of the benchmarks."""

from functools import cache
from zlib import crc32

from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from bench import studios
from bench.server import BenchServer


@cache
def many_schedules(server: BenchServer, schedules: int) -> str:
    """Its DSN. None of them is due within a day, unless somebody makes it so."""
    name = f"with_{schedules}"
    dsn = server.create_migrated(name)
    studios.fill(dsn, schedules, _cron)
    server.analyze(name)
    return dsn


def _cron(key: ConnectionKey, frequency: Frequency) -> str:
    """Spread as the default ones are, but made in no time."""
    number = crc32(f"{key.studio}/{key.platform}/{frequency}".encode())
    minute, hour, weekday = number % 60, number // 60 % 24, number // 1440 % 7
    match frequency:
        case Frequency.HOURLY:
            return f"{minute} * * * *"
        case Frequency.DAILY:
            return f"{minute} {hour} * * *"
        case Frequency.WEEKLY:
            return f"{minute} {hour} * * {weekday}"
