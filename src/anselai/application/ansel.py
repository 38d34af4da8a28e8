"""What an open AnselAI offers: to a program, to the HTTP API, to the command line and to the daemon alike."""

from dataclasses import dataclass

from anselai.application.access import AccessManager
from anselai.application.connection_manager import ConnectionManager
from anselai.application.insights import Insights
from anselai.application.key_rotation import KeyRotation
from anselai.application.monitoring import Monitoring
from anselai.application.platform_catalog import PlatformCatalog
from anselai.application.sealing_keys import SealingKeys
from anselai.application.sync_scheduler import SyncScheduler
from anselai.application.sync_worker import SyncWorker
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.ended_sessions import EndedSessions
from anselai.domain.ports.health import StoreHealth
from anselai.domain.ports.signer import Signer
from anselai.domain.ports.sync_log import SyncLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Ansel:
    """The use cases over one store. `worker` does nothing until it is run."""

    connections: ConnectionManager
    scheduler: SyncScheduler
    insights: Insights
    platforms: PlatformCatalog
    worker: SyncWorker
    monitoring: Monitoring
    access: AccessManager
    keys: SealingKeys
    rotation: KeyRotation
    signer: Signer
    ended_sessions: EndedSessions
    sync_log: SyncLog
    health: StoreHealth
    clock: Clock
