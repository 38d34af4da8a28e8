"""Finds the installed platforms: each is an entry point of the group `anselai.platforms`, a PlatformPlugin."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points

from anselai.domain.errors import InvalidSettings, UnknownPlatform
from anselai.domain.ports.platform_client import PlatformClient, PlatformConfig, PlatformInfo, PlatformPlugin, Platforms
from anselai.domain.scrubbing import scrubbed
from anselai.domain.secret import Secret
from anselai.settings import named_secrets

GROUP = "anselai.platforms"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


class InstalledPlatforms(Platforms):
    """The platforms that were found, each built with the settings that it declares and no others."""

    def __init__(self, plugins: Sequence[PlatformPlugin], values: Mapping[str, Secret]) -> None:
        self.clients: dict[str, PlatformClient] = {}
        self.missing: dict[str, tuple[str, ...]] = {}
        self.secrets: list[Secret] = []
        for plugin in plugins:
            info = plugin.info
            if not _NAME.fullmatch(info.name):
                raise InvalidSettings(f"The platform name {info.name!r} must be of a-z, 0-9 and hyphens.")
            if info.name in self.clients:
                raise InvalidSettings(f"Two installed plug-ins call themselves {info.name!r}. Uninstall one of them.")
            given = {name: values[name] for name in info.settings if values.get(name)}
            self.secrets += given.values()
            with _told(info.name, "started", given.values()):
                self.clients[info.name] = plugin(PlatformConfig(platform=info.name, values=given))
            self.missing[info.name] = tuple(name for name in info.settings if name not in given)

    @classmethod
    def discover(cls, values: Mapping[str, Secret]) -> "InstalledPlatforms":
        """Every entry point of the group. Raises InvalidSettings for one that cannot be loaded."""
        plugins = []
        for entry_point in entry_points(group=GROUP):
            with _told(entry_point.value, "loaded", named_secrets(values)):
                plugins.append(entry_point.load())
        return cls(plugins, values)

    def get(self, platform: str) -> PlatformClient:
        client = self.clients.get(platform)
        if client is None:
            raise UnknownPlatform(platform, tuple(self.clients))
        return client

    def all(self) -> Sequence[PlatformInfo]:
        return [self.clients[name].info for name in sorted(self.clients)]

    def missing_settings(self, platform: str) -> Sequence[str]:
        self.get(platform)
        return self.missing[platform]


@contextmanager
def _told(plugin: str, what: str, secrets: Iterable[Secret]) -> Iterator[None]:
    """Foreign code runs in here. What it raises may quote the settings that it was given."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever foreign code raises is a plug-in that cannot be used
        said = scrubbed(f"{type(error).__name__}: {error}", secrets)
        raise InvalidSettings(
            f"The platform plug-in {plugin} cannot be {what} ({said}). Repair or uninstall it."
        ) from None
