"""The code of the sign-in link that is printed at the start: good once, and not for long."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from anselai.domain.ports.clock import Clock
from anselai.domain.secret import Secret

GOOD_FOR: Final = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class OneTimeCode:
    """Only its hash is kept, and only in the memory of this process. Without one that was issued, no text is good."""

    clock: Clock
    digest: bytes = field(default=bytes(32), init=False, repr=False)
    until: float = field(default=0.0, init=False)

    def issue(self) -> Secret:
        """A new code, in the place of the one before."""
        code = Secret(secrets.token_urlsafe(24))
        self.digest, self.until = _digest(code), self.clock.monotonic() + GOOD_FOR.total_seconds()
        return code

    @contextmanager
    def taken(self, code: Secret) -> Iterator[bool]:
        """Whether it is the code, which then is good no more, unless what is done with it fails."""
        until = self.until
        good = hmac.compare_digest(self.digest, _digest(code)) and self.clock.monotonic() < self.until
        if good:
            self.until = 0.0
        try:
            yield good
        except BaseException:
            if good:
                self.until = until
            raise


def _digest(code: Secret) -> bytes:
    return hashlib.sha256(code.reveal().encode("utf-8", "surrogatepass")).digest()
