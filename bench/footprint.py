"""What a process costs. CPU times need /proc, so they are told on Linux only."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def resident_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        kibibytes = int(line.split()[1])
    else:
        kibibytes = int(
            subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, check=True).stdout
        )
    return kibibytes * 1024 / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    parent: int
    own: float  # seconds
    of_ended_children: float


def cpu_seconds(process: int) -> float:
    """What the process used until now, in user and in kernel mode. Raises FileNotFoundError where there is no /proc."""
    return _times(Path("/proc", str(process))).own


def family_cpu_seconds(process: int) -> float:
    """The same with all its children, those that have ended too."""
    own = _times(Path("/proc", str(process)))
    living = 0.0
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            try:
                times = _times(each)
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
            living += times.own if times.parent == process else 0.0
    return own.own + own.of_ended_children + living


def _times(folder: Path) -> _Times:
    """See proc_pid_stat(5): the command comes second, in brackets, and may hold anything."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) / _TICKS for field in fields[11:15])
    return _Times(parent=int(fields[1]), own=user + system, of_ended_children=children_user + children_system)
