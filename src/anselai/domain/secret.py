"""A value that prints nothing."""

import hmac
from typing import NoReturn, Self


class Secret:
    """A secret text that cannot be printed, formatted, pickled or JSON-encoded by accident.

    `reveal()` is the only way to the text; searching for it finds every place where a secret is open.
    """

    __slots__ = ("__text", "__weakref__")

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        return self.__text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = (each.encode("utf-8", "surrogatepass") for each in (self.__text, other.reveal()))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash(self.__text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self  # as every value that does not change: `asdict` copies what it meets

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to show: seal it with a TokenCipher instead")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: seal it with a TokenCipher instead")
