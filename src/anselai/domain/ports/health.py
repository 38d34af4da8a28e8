"""Whether the store can serve."""

from abc import abstractmethod
from typing import Protocol


class StoreHealth(Protocol):
    @abstractmethod
    async def ping(self) -> None:
        """Return if the store answers. Raises StoreUnavailable."""

    @abstractmethod
    async def check_schema(self) -> None:
        """Return if the schema is the one this version needs.

        Raises SchemaBehind, SchemaUnknown, RightsMissing and StoreUnavailable.
        """
