"""Storing a change of a connection, also while a rotation of keys seals its tokens anew."""

from anselai.domain.connection import PlatformConnection
from anselai.domain.errors import ConnectionChanged
from anselai.domain.ports.connections import Connections


async def swap(connections: Connections, seen: PlatformConnection, changed: PlatformConnection) -> PlatformConnection:
    """Store `changed`, which was made of `seen`; what is stored then.

    Raises ConnectionNotFound, and ConnectionChanged when somebody changed anything meanwhile: the same tokens under
    another key are no change.
    """
    while True:
        try:
            return await connections.replace(changed)
        except ConnectionChanged:
            current = await connections.get(changed.key)
            again = changed.rebased(seen, current)
            if again is None:
                raise
            seen, changed = current, again
