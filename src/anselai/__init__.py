"""AnselAI: business intelligence for photographers.

    async with anselai.open() as ansel:
        await ansel.connections.save_connection("google", access_token="…")
        job = await ansel.scheduler.run_sync_now("google")

Importing this package loads nothing but itself: each name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anselai.application.ansel import Ansel as Ansel
    from anselai.application.connection_manager import ConnectionManager as ConnectionManager
    from anselai.application.sync_scheduler import SyncScheduler as SyncScheduler
    from anselai.container import open_ansel as open  # noqa: A004  `anselai.open` is what it is called
    from anselai.container import open_in_memory as in_memory
    from anselai.domain.connection import ConnectionStatus as ConnectionStatus
    from anselai.domain.errors import AnselError as AnselError
    from anselai.domain.frequency import Frequency as Frequency
    from anselai.domain.secret import Secret as Secret

__version__ = "0.1.0"

_NAMES = {
    "Ansel": "anselai.application.ansel:Ansel",
    "AnselError": "anselai.domain.errors:AnselError",
    "ConnectionManager": "anselai.application.connection_manager:ConnectionManager",
    "ConnectionStatus": "anselai.domain.connection:ConnectionStatus",
    "Frequency": "anselai.domain.frequency:Frequency",
    "Secret": "anselai.domain.secret:Secret",
    "SyncScheduler": "anselai.application.sync_scheduler:SyncScheduler",
    "in_memory": "anselai.container:open_in_memory",
    "open": "anselai.container:open_ansel",
}

__all__ = [
    "Ansel",
    "AnselError",
    "ConnectionManager",
    "ConnectionStatus",
    "Frequency",
    "Secret",
    "SyncScheduler",
    "__version__",
    "in_memory",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'anselai' has no attribute {name!r}")
    module, _, attribute = _NAMES[name].partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value
