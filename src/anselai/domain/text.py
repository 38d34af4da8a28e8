"""Text as every store keeps it: without NUL and halves of surrogate pairs, which no text in PostgreSQL can hold.

What platforms say is kept with U+FFFD for each of them; what somebody asks for by name is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from anselai.domain.errors import InvalidInput

T = TypeVar("T")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: T) -> T:
    """The same value with U+FFFD for every such character in its texts, however deep they lie."""
    kept: T = _storable(value)
    return kept


def refuse_unstorable(*texts: str | None) -> None:
    """Raise InvalidInput if one of these holds such a character; it is not quoted."""
    if any(_UNSTORABLE.search(text) for text in texts if text is not None):
        raise InvalidInput.of("", "A text holds a character that cannot be stored: NUL, or half of a surrogate pair.")


def _storable(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value) if _UNSTORABLE.search(value) else value
        case Mapping():
            return {_storable(key): _storable(each) for key, each in value.items()}
        case list():
            return [_storable(each) for each in value]
        case tuple():
            return tuple(_storable(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        held = {each.name: getattr(value, each.name) for each in fields(value)}
        return replace(value, **_changed(held))
    return value


def _changed(held: Mapping[str, Any]) -> dict[str, Any]:
    return {name: kept for name, each in held.items() if (kept := _storable(each)) is not each}
