"""What has to be known of whoever asks, by the address that they ask for. Decided before it is known what is there."""

from enum import Enum, auto


class Area(Enum):
    API = auto()  # a key
    FIGURES = auto()  # a key of the studio that runs this deployment, since they are of all studios
    PROBE = auto()  # nobody; with a key /readyz tells more
    OPEN = auto()  # nobody: what the sign-in page needs
    PAGE = auto()  # a session


def area_of(path: str) -> Area:
    if path.startswith("/api/") or path == "/api":
        return Area.API
    if path == "/metrics":
        return Area.FIGURES
    if path in ("/healthz", "/readyz"):
        return Area.PROBE
    if path.startswith(("/static/", "/sign-in/")) or path == "/sign-in":
        return Area.OPEN
    return Area.PAGE


def is_for_programs(path: str) -> bool:
    """Whether errors are told as JSON and not as a page."""
    return area_of(path) in (Area.API, Area.FIGURES, Area.PROBE)
