"""The schema's revisions, read from the names of their files: Alembic is loaded only by those who migrate."""

from functools import cache
from importlib.resources import files


@cache
def revisions() -> tuple[str, ...]:
    """Every revision of this version, oldest first."""
    names = (file.name for file in files("anselai.migrations").joinpath("versions").iterdir())
    return tuple(sorted(name.removesuffix(".py") for name in names if name.endswith(".py")))


def head() -> str:
    """The revision that this version needs."""
    return revisions()[-1]
