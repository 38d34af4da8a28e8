"""A value that prints nothing."""

import hmac
from typing import NoReturn


class Secret:
    """A secret text that cannot be printed, formatted, pickled or JSON-encoded by accident.

    `reveal()` is the only way to the text; searching for it finds every place where a secret is open.
    """

    __slots__ = ("__text",)

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
        return hmac.compare_digest(self.__text.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self.__text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: seal it with a TokenCipher instead")
