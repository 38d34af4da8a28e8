"""What is installed and configured."""

from collections.abc import Sequence
from dataclasses import dataclass

from anselai.application.views import PlatformView
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import Platforms


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCatalog:
    platforms: Platforms
    connections: Connections

    async def list_platforms(self, *, studio: str = DEFAULT_STUDIO) -> Sequence[PlatformView]:
        """Every installed platform, sorted by name, with names of settings and never a value."""
        connected = {each.key.platform for each in await self.connections.list(studio)}
        views = []
        for info in self.platforms.all():
            missing = tuple(self.platforms.missing_settings(info.name))
            views.append(
                PlatformView(
                    name=info.name,
                    label=info.label,
                    simulated=info.simulated,
                    connected=info.name in connected,
                    configured=tuple(each for each in info.settings if each not in missing),
                    missing=missing,
                )
            )
        return views
