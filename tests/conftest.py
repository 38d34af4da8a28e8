"""Fixtures for all tests, and what a run of them has in common."""

import os
from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.fakes import FakeClock, SequentialIds
from tests.postgres_server import PostgresServer, clean_up, clean_up_after_killed_runs, name_of_this_run, running_server

pytest.register_assert_rewrite("tests.contracts")

_RUN = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the run; workers of pytest-xdist get the name from the process that started them."""
    if hasattr(config, "workerinput"):
        config.stash[_RUN] = config.workerinput["anselai_run"]
    else:
        clean_up_after_killed_runs()
        config.stash[_RUN] = name_of_this_run()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "object") -> None:
    node.workerinput["anselai_run"] = node.config.stash[_RUN]  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        clean_up(config.stash[_RUN])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of `async def test_…`: asyncio, and no other."""
    return "asyncio"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ids() -> SequentialIds:
    return SequentialIds()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A real PostgreSQL. Without one the tests that need it fail."""
    with running_server(request.config.stash[_RUN]) as server:
        yield server


@pytest.fixture(scope="session")
def database_names(postgres_server: PostgresServer) -> Iterator[str]:
    """Names for databases, no two alike in a run."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return (f"{postgres_server.prefix}_{worker}_{number}" for number in range(1_000_000))


@pytest.fixture
def database_url(postgres_server: PostgresServer, database_names: Iterator[str]) -> Iterator[str]:
    """The URL of a database of this test's own, with the current schema and nothing in it but the default studio.

    For a role that may serve and nothing else.
    """
    name = next(database_names)
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture
def owners_url(postgres_server: PostgresServer, database_url: str) -> str:
    """The URL of the same database for who owns it, may do everything and sees every studio."""
    return postgres_server.owners_address(str(conninfo_to_dict(database_url)["dbname"]))


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer, database_names: Iterator[str]) -> Iterator[str]:
    """The URL of a database of this test's own that was never migrated."""
    name = next(database_names)
    yield postgres_server.create_empty(name)
    postgres_server.drop(name)
