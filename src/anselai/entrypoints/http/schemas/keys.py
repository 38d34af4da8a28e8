"""An encryption key on the wire: its id, never the key."""

from datetime import datetime

from anselai.application.sealing_keys import SealingKeyView
from anselai.entrypoints.http.schemas.shape import Output


class SealingKeyJson(Output):
    id: str
    role: str
    connections: int
    seals: int
    first_used_at: datetime | None
    last_used_at: datetime | None
    warning: str | None

    @classmethod
    def of(cls, state: SealingKeyView) -> "SealingKeyJson":
        return cls(
            id=state.id,
            role=state.role,
            connections=state.rows,
            seals=state.seals,
            first_used_at=state.first_used_at,
            last_used_at=state.last_used_at,
            warning=state.warning,
        )
