"""Who the embedded PostgreSQL runs as: ourselves, or a system account when we are root, whom PostgreSQL refuses."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anselai.domain.errors import EmbeddedDatabaseFailed

ACCOUNT = "anselai"

# PostgreSQL gets none of our environment: it may hold keys, and PGPORT or PGDATA would change what the programs do.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The account that PostgreSQL's programs run as; `switched` when it is not our own, because we are root."""

    uid: int
    gid: int
    switched: bool

    def run(self, *command: str | Path, pass_fds: Sequence[int] = ()) -> subprocess.CompletedProcess[bytes]:
        """Run to the end, in a session of its own so that Ctrl-C in our terminal does not reach it."""
        return subprocess.run(  # noqa: S603 - a list of arguments that no shell reads
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,
            pass_fds=pass_fds,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )

    def own(self, folder: Path) -> None:
        """Give a folder that we made to the account."""
        if self.switched:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)


def find_runner(report: Callable[[str], None]) -> Runner:
    """Ourselves, or as root the system account, which is created when it is missing."""
    if os.geteuid() != 0:
        return Runner(uid=os.geteuid(), gid=os.getegid(), switched=False)
    account = _look_up()
    if account is None:
        report(f"Creating the system account {ACCOUNT}, because PostgreSQL does not run as root")
        reason = _create()
        account = _look_up()
        if account is None:
            raise EmbeddedDatabaseFailed(
                f"PostgreSQL does not run as root, and the system account {ACCOUNT} could not be created: {reason}. "
                f"Create that account yourself, start AnselAI as an ordinary user, or set DATABASE_URL."
            )
    return Runner(uid=account.pw_uid, gid=account.pw_gid, switched=True)


def name_of(uid: int) -> str:
    """The account's name, or its number where it has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _look_up() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def _create() -> str:
    """The reason why it failed, if it did."""
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is None:
        return "this system has no useradd"
    options = ("--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false")
    done = subprocess.run([useradd, *options, ACCOUNT], capture_output=True, check=False, env=_ENVIRONMENT)  # noqa: S603
    return os.fsdecode(done.stderr).strip()
