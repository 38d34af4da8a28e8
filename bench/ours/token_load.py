"""Reads and opens tokens, and refreshes others, as fast as it can until its standard input ends; prints what it saw.

It says `ready` once it is at work, and then one line of JSON. A line on its standard input says that the rotation
begins: what a read takes is told for the time before and for the time from then on, and only reads and refreshes that
began in the latter are counted; what goes wrong counts from the start. A read fails when a token does not
open, or is not the connection's. An update is lost when tokens that a refresh had stored are not what is stored at the
end.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from anselai.application.ansel import Ansel
from anselai.container import open_container
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.errors import ConnectionChanged, TokenUnreadable
from anselai.domain.secret import Secret
from anselai.settings import Settings
from bench.ours.opened import KEY

NEXT_KEY = Secret("c7d45a90e1b26f38d90c4e75a1f8263b5d7e904c2ab13f68e057d9c4b8a1f236")  # of nothing but benchmarks
PLATFORMS = ("google", "meta", "pinterest", "tiktok")
LEASE = timedelta(minutes=1)
ALONE, BESIDE = "ms: p99 of reads without a rotation", "ms: p99 of reads during it"


def settings(dsn: str) -> Settings:
    """Everybody has both keys before the rotation begins, and seals with the new one."""
    return Settings(database_url=Secret(dsn), encryption_key=NEXT_KEY, encryption_keys_old=(KEY,))


def key_of(number: int) -> ConnectionKey:
    """The key of the connection of this number."""
    return ConnectionKey(f"studio-{number // len(PLATFORMS)}", PLATFORMS[number % len(PLATFORMS)])


def tokens_of(number: int, generation: int = 0) -> tuple[Secret, Secret]:
    """The access and refresh token of the connection of this number after so many refreshes; 200 characters each."""
    name = f"{number}.{generation}."
    return Secret(f"access.{name}".ljust(200, "a")), Secret(f"refresh.{name}".ljust(200, "r"))


@dataclass(slots=True, kw_only=True)
class TokenLoad:
    """Any connection is read. Each refresher has its own ones, so that nobody else gives them other tokens."""

    ansel: Ansel
    rows: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    wrong: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    generations: Counter[int] = field(default_factory=Counter)
    read_in: "array[float]" = field(default_factory=lambda: array("d"))  # seconds
    alone_p99: float = 0.0

    def rotation_begins(self) -> None:
        """What was measured until now is what reads take without one; what is done from now on is done beside it."""
        self.alone_p99 = _p99(self.read_in)
        self.read_in = array("d")
        self.done = Counter()

    async def read(self) -> None:
        while not self.ended.is_set():
            number = random.randrange(self.rows)  # noqa: S311
            known, began, done = self.generations[number], time.perf_counter(), self.done
            stored = await self.ansel.connections.connections.get(key_of(number))
            is_right = self._is_right(stored, number, known)
            self.read_in.append(time.perf_counter() - began)
            done["reads"] += 1
            self.wrong["failed reads"] += not is_right

    async def refresh(self, refresher: int, refreshers: int) -> None:
        connections, vault = self.ansel.connections.connections, self.ansel.connections.vault
        while not self.ended.is_set():
            number = random.randrange(refresher, self.rows, refreshers)  # noqa: S311
            owner, key, done = self.ansel.connections.ids.new(), key_of(number), self.done
            turn = await connections.begin_refresh(key, owner, LEASE)
            assert turn is not None
            before = turn.connection
            access, refresh = tokens_of(number, self.generations[number] + 1)
            after = before.renewed(
                access_token=vault.encrypt_token(access, key),
                refresh_token=vault.encrypt_token(refresh, key, "refresh_token"),
                token_expires_at=before.token_expires_at,
                scopes=before.scopes,
                now=self.ansel.clock.now(),
            )
            try:
                await connections.end_refresh(owner, before, after)
            except ConnectionChanged:
                self.wrong["refused refreshes"] += 1
            else:
                self.generations[number] += 1
                done["refreshes"] += 1

    async def count_lost(self) -> int:
        """How many of the refreshed connections do not have the tokens that their last refresh stored."""
        lost = 0
        for number, generation in self.generations.items():
            stored = await self.ansel.connections.connections.get(key_of(number))
            lost += not self._is_right(stored, number, generation, exactly=True)
        return lost

    def _is_right(self, stored: PlatformConnection, number: int, known: int, *, exactly: bool = False) -> bool:
        try:
            credentials = self.ansel.connections.vault.open_credentials(stored)
        except TokenUnreadable:
            return False
        kind, owner, generation, _ = credentials.access_token.reveal().split(".")
        pair = (credentials.access_token, credentials.refresh_token)
        fits = (kind, owner) == ("access", str(number)) and pair == tokens_of(number, int(generation))
        return fits and (int(generation) == known if exactly else int(generation) >= known)


async def load(dsn: str, rows: int, readers: int, refreshers: int) -> dict[str, float]:
    async with open_container(settings(dsn)) as ansel:
        work = TokenLoad(ansel=ansel, rows=rows)
        tasks = [asyncio.create_task(work.read()) for _ in range(readers)]
        tasks += [asyncio.create_task(work.refresh(each, refreshers)) for each in range(refreshers)]
        print("ready", flush=True)
        if await asyncio.to_thread(sys.stdin.readline):
            work.rotation_begins()
            await asyncio.to_thread(sys.stdin.read)
        work.ended.set()
        await asyncio.gather(*tasks)
        work.wrong["refused refreshes"] += 0
        p99 = {ALONE: 1000 * work.alone_p99, BESIDE: 1000 * _p99(work.read_in)}
        return {**work.done, **work.wrong, **p99, "lost updates": await work.count_lost()}


def _p99(durations: "array[float]") -> float:
    return sorted(durations)[len(durations) * 99 // 100] if durations else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--refreshers", type=int, default=4)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(load(args.dsn, args.rows, args.readers, args.refreshers))))


if __name__ == "__main__":
    main()
