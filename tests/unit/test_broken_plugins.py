"""A plug-in that cannot be used stops the start with a sentence, which does not quote the settings it was given."""

import traceback
from importlib.metadata import EntryPoint

import pytest

from anselai.adapters.platforms import registry
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.domain.errors import InvalidSettings
from anselai.domain.ports.platform_client import PlatformConfig, PlatformInfo
from anselai.domain.secret import Secret
from tests.canaries import CLIENT_SECRET, listen

VALUES = {"FLICKR_APP_SECRET": Secret(CLIENT_SECRET)}


class Flickr:
    info = PlatformInfo(name="flickr", label="Flickr", settings=("FLICKR_APP_SECRET",))

    def __init__(self, config: PlatformConfig) -> None:
        raise ValueError(f"{config.require('FLICKR_APP_SECRET').reveal()} is no client secret")


def test_one_that_cannot_be_started_is_named_without_its_settings() -> None:
    with pytest.raises(
        InvalidSettings, match=r"plug-in flickr cannot be started \(ValueError: \*\*\* is no"
    ) as refused:
        InstalledPlatforms([Flickr], VALUES)  # type: ignore[list-item]
    listen({"its traceback": "".join(traceback.format_exception(refused.value))}, {"the setting": CLIENT_SECRET})


def test_one_that_cannot_be_loaded_is_named_without_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        value = "flickr:Client"

        def load(self) -> EntryPoint:
            raise RuntimeError(f"bad secret {CLIENT_SECRET}")

    monkeypatch.setattr(registry, "entry_points", lambda group: [Broken()])
    with pytest.raises(InvalidSettings, match=r"plug-in flickr:Client cannot be loaded \(RuntimeError: bad") as refused:
        InstalledPlatforms.discover(VALUES)
    listen({"its traceback": "".join(traceback.format_exception(refused.value))}, {"the setting": CLIENT_SECRET})
