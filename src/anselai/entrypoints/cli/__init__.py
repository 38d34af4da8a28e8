"""The command line: `anselai …`."""

from anselai.entrypoints.cli.main import main
from anselai.entrypoints.core_dumps import leave_no_core_dump

__all__ = ["main", "process"]


def process() -> None:
    """What the script `anselai` runs: any command, as a process that leaves no secret behind when it crashes."""
    leave_no_core_dump()
    main()
