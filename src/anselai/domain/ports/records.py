"""Where the records that a sync brings in are kept."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from anselai.domain.insights import BusinessFigures, Period, PlatformFigures
from anselai.domain.records import Record
from anselai.domain.sync_job import JobLease


class Records(Protocol):
    """The records of every studio. Each method is one transaction; all raise StoreUnavailable."""

    @abstractmethod
    async def store(self, lease: JobLease, records: Sequence[Record], cursor: str | None) -> int:
        """Upsert records by their natural keys, move the job's cursor and add to its count of records, together.

        The result is how many rows were added or really changed; the job counts every record that was given.
        A record whose `as_of` is older than the stored one changes nothing; an equal one that is newer counts as the
        newest reading, but not as a change. Content and
        campaigns that are mentioned by a metric must be stored already or be in the same call. Raises LeaseLost when
        the fencing token is old, InvalidInput when a record refers to a parent that is not there or holds a value that
        cannot be. Texts are kept as `domain/text.py` says; a cursor that could not be kept as it is, is refused.
        """

    @abstractmethod
    async def platform_figures(self, studio: str, period: Period) -> Sequence[PlatformFigures]:
        """The figures of every platform that has data in the period, sorted by platform."""

    @abstractmethod
    async def business_figures(self, studio: str, period: Period) -> BusinessFigures:
        """Inquiries, bookings, revenue and reviews of the studio."""
