"""A platform's own books: which refresh token of each account lives, and what became of every other."""

from collections import Counter
from dataclasses import dataclass, field

from anselai.domain.refreshing import SecondUse


class InvalidGrant(Exception):
    """What RFC 6749 calls `invalid_grant`: the token is used up, unknown, or of a grant that is over."""


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str


@dataclass(slots=True)
class Grant:
    living: str
    used: dict[str, tuple[float, Tokens]] = field(default_factory=dict)
    is_revoked: bool = False


@dataclass(slots=True, kw_only=True)
class Provider:
    """`grace` is in seconds. A used token that comes again beyond it ends the grant (RFC 9700, section 4.14.2)."""

    second_use: SecondUse
    grace: float = 0.0
    grants: dict[str, Grant] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    made: int = 0

    def connect(self, account: str) -> Tokens:
        """A person's consent: a new grant in the place of the old one."""
        tokens = self._make(account)
        self.grants[account] = Grant(living=tokens.refresh)
        return tokens

    def refresh(self, account: str, token: str, now: float) -> Tokens:
        """New tokens. Raises InvalidGrant."""
        grant = self.grants[account]
        if grant.is_revoked:
            self.counts["refused"] += 1
            raise InvalidGrant
        if token in grant.used:
            return self._again(grant, token, now)
        if token != grant.living:
            self.counts["refused"] += 1  # of a grant before this one
            raise InvalidGrant
        tokens = self._make(account)
        self.counts["issued"] += 1
        if self.second_use is SecondUse.WORKS:
            return Tokens(tokens.access, token)
        grant.used[token] = (now, tokens)
        grant.living = tokens.refresh
        return tokens

    def _again(self, grant: Grant, token: str, now: float) -> Tokens:
        used_at, tokens = grant.used[token]
        if self.second_use is SecondUse.GRACE and now - used_at <= self.grace and tokens.refresh == grant.living:
            self.counts["repeated"] += 1
            return tokens
        self.counts["reused"] += 1
        grant.is_revoked = True
        raise InvalidGrant

    def _make(self, account: str) -> Tokens:
        self.made += 1
        return Tokens(f"access-{account}-{self.made}", f"refresh-{account}-{self.made}")
