"""How often keys that open nothing may come from one address: whoever guesses, and whoever only costs us look-ups."""

from collections import OrderedDict
from dataclasses import dataclass, field

from anselai.application.access import AccessManager
from anselai.domain.access import Principal, hash_of
from anselai.domain.errors import Unauthenticated
from anselai.domain.ports.clock import Clock
from anselai.domain.secret import Secret
from anselai.entrypoints.http.buckets import Buckets
from anselai.entrypoints.http.crowd import Crowd
from anselai.entrypoints.http.errors import too_many


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongKeys:
    """Counts them once they are known to be wrong, so that those who come at once are not taken for each other.

    A key that opened from an address is let through there whatever else comes from it: many share one address, and one
    broken program must not lock out the others. From elsewhere it counts as any other, and so does a guess at it.
    While it is looked up it is charged to itself, and any other to its address.
    """

    access: AccessManager
    clock: Clock
    crowd: Crowd
    buckets: Buckets
    most: int = 10_000
    opened: OrderedDict[tuple[str, bytes], None] = field(default_factory=OrderedDict, init=False, repr=False)

    async def check(self, text: Secret | None, whence: str) -> Principal:
        """Who has the key with this text.

        Raises RequestRefused, before anything is looked up, Unauthenticated and StoreUnavailable.
        """
        digest = hash_of(text or Secret(""))
        coming = (whence, digest)
        wait = 0.0 if coming in self.opened else self.buckets.wait(whence, self.clock.monotonic())
        if wait:
            raise too_many("TOO_MANY_WRONG_KEYS", "Too many wrong keys came from there. Wait, then try again.", wait)
        try:
            with self.crowd.share(digest if coming in self.opened else whence):
                principal = await self.access.authenticate(text)
        except Unauthenticated:
            self.opened.pop(coming, None)
            self.buckets.charge(whence, self.clock.monotonic())
            raise
        self.opened[coming] = None
        self.opened.move_to_end(coming)
        if len(self.opened) > self.most:
            self.opened.popitem(last=False)
        return principal
