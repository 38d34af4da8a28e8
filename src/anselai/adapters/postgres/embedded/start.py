"""Starting the embedded PostgreSQL, or sharing the one that another process started in the same directory.

Every user holds a shared lock; starts and stops happen one at a time, behind a gate. The last user stops the server.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from anselai.adapters.postgres.embedded.account import find_runner
from anselai.adapters.postgres.embedded.directory import prepare_directory, refuse_strangers
from anselai.adapters.postgres.embedded.errors import explained
from anselai.adapters.postgres.embedded.locks import locked, opened, patiently, release, share
from anselai.adapters.postgres.embedded.programs import wheel_programs
from anselai.adapters.postgres.embedded.server import Server
from anselai.domain.errors import EmbeddedDatabaseFailed

_GATE_PATIENCE = 180.0  # seconds; longer than one start and one stop


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """One user's hold on the server of a data directory."""

    dsn: str
    data_dir: Path
    bin_dir: Path
    _leave: ExitStack = field(repr=False)

    def stop(self) -> None:
        """Let go of the server, and stop it in order if nobody else uses it. A second call does nothing.

        Raises EmbeddedDatabaseFailed if the server does not stop.
        """
        self._leave.close()


def start_embedded(
    directory: Path,
    *,
    report: Callable[[str], None] = lambda _: None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> EmbeddedPostgres:
    """Give the database in `directory` (the user's ANSELAI_DATA_DIR): made, started and shared as needed.

    `report` gets a short sentence for each step that takes time. `settings` are PostgreSQL's own parameters; they count
    for whoever launches the server, and not where it listens. Blocks for a fraction of a second, for up to a minute
    after a crash. Raises EmbeddedDatabaseFailed.
    """
    directory = directory.expanduser().resolve()
    with explained(directory):
        runner = find_runner(report)
        prepare_directory(directory, runner)
        server = Server(directory=directory, runner=runner, settings=settings, report=report)
        if server.data_dir.exists():
            refuse_strangers(server.data_dir, runner, allowed=[runner.uid])
        with _gate(directory, report), ExitStack() as hold:
            user = hold.enter_context(opened(directory / "postgres.users.lock"))
            share(user)
            dsn = server.bring_up()
            hold.callback(_leave, server, user)
            return EmbeddedPostgres(dsn=dsn, data_dir=server.data_dir, bin_dir=wheel_programs(), _leave=hold.pop_all())


def _leave(server: Server, user: int) -> None:
    with explained(server.directory), _gate(server.directory, server.report):
        if locked(user):  # nobody shares it: ours was the last
            server.stop()
        release(user)  # behind the gate, or the next to leave would think that we are still here


@contextmanager
def _gate(directory: Path, report: Callable[[str], None]) -> Iterator[None]:
    """One start or stop at a time, in all processes."""
    with opened(directory / "postgres.gate.lock") as gate:
        for turn, _ in enumerate(patiently(_GATE_PATIENCE)):
            if locked(gate):
                break
            if turn == 100:
                report("Waiting for another process that is starting or stopping the database")
        else:
            raise EmbeddedDatabaseFailed(
                f"Another process has been starting or stopping the database in {directory} for "
                f"{_GATE_PATIENCE:.0f} seconds. See what it says, end it, and start again."
            )
        yield
