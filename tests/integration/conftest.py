"""Fixtures for tests that run on a real PostgreSQL."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from anselai.adapters.crypto.keyring import generate_secret
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.embedded import start_embedded
from anselai.domain.secret import Secret
from tests.integration.processes import Home


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open pool on a database of this test's own."""
    async with Database(Secret(database_url)) as database:
        yield database


@pytest.fixture
def empty_home() -> Iterator[Home]:
    """A folder to run commands in, where nothing was ever started."""
    with new_home() as home:
        yield home


@pytest.fixture(scope="session")
def made_home() -> Iterator[Home]:
    """A folder with an embedded database to copy, which takes a fraction of the time of making one."""
    with new_home() as home:
        assert home.run("migrate").code == 0
        assert home.run("connections", "list").code == 0  # makes the key
        yield home


@pytest.fixture
def home(made_home: Home) -> Iterator[Home]:
    """A folder with an embedded database that was used before and holds nothing."""
    with new_home() as home:
        subprocess.run(["cp", "-a", made_home.data, home.data], check=True)
        yield home


@pytest.fixture
def external(empty_home: Home, database_url: str) -> Home:
    """A folder to run commands in whose settings name an external database, migrated and empty, and a key."""
    return replace(empty_home, settings={"DATABASE_URL": database_url, "ENCRYPTION_KEY": generate_secret().reveal()})


@contextmanager
def new_home() -> Iterator[Home]:
    """One that PostgreSQL's account can pass, which pytest's own are not when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="anselai-test-")).resolve()
    folder.chmod(0o755)
    home = Home(folder=folder)
    yield home
    left = home.database_runs()
    if left:
        start_embedded(home.data).stop()
    shutil.rmtree(folder)
    assert not left, "a database was left running"
