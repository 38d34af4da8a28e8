"""The rhythms of syncing, and what each of them brings in."""

from enum import StrEnum


class Frequency(StrEnum):
    """How often a kind of data is read: the frequency names both the rhythm and what is fetched."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def brings(self) -> str:
        return _BRINGS[self]


_BRINGS = {
    Frequency.HOURLY: "post engagement",
    Frequency.DAILY: "account metrics, ad performance",
    Frequency.WEEKLY: "demographics, audience insights",
}
