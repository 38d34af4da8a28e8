"""Which sessions of browsers were ended before their time."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol


class EndedSessions(Protocol):
    """What signing out leaves, in every process and for as long as the session would have lasted.

    Each method is one transaction; all raise StoreUnavailable.
    """

    @abstractmethod
    async def end(self, session_id: str, until: datetime) -> None:
        """End this session, whose cookie is good until then at most. Ending it again changes nothing.

        Forgets some of those whose cookies are good no longer anyway.
        """

    @abstractmethod
    async def is_ended(self, session_id: str) -> bool:
        """Whether that session was ended. Of one that is forgotten nothing is known."""
