"""Installed platforms on the wire: names of settings, never their values."""

from anselai.application.views import PlatformView
from anselai.entrypoints.http.schemas.shape import Output


class PlatformJson(Output):
    name: str
    label: str
    simulated: bool
    connected: bool
    configured: tuple[str, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, view: PlatformView) -> "PlatformJson":
        return cls(
            name=view.name,
            label=view.label,
            simulated=view.simulated,
            connected=view.connected,
            configured=view.configured,
            missing=view.missing,
        )
