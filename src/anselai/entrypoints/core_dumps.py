"""A process that crashes leaves nothing of its memory behind, where tokens and keys are open."""

import ctypes
import resource
import sys
from contextlib import suppress

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def leave_no_core_dump() -> None:
    """From now on, for good, and for what this process starts too, such as the embedded PostgreSQL.

    On Linux nobody but root may look into its memory or read its environment any more either: a limit of size alone
    does not hold where a program is given the dump (core(5)).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # no such call in this C library
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
