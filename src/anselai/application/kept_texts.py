"""What a client gives to be kept holds no token: cursors and records are stored as they are, and shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from itertools import chain
from operator import attrgetter
from typing import Final

from anselai.domain.connection import Credentials
from anselai.domain.errors import ClientBug
from anselai.domain.ports.platform_client import Batch
from anselai.domain.records import Record
from anselai.domain.scrubbing import KnownSecrets
from anselai.domain.secret import Secret

FEWEST: Final = 16  # characters of a token: a shorter one may well stand in an id or a text by chance


def long_enough(credentials: Iterable[Credentials]) -> Iterable[Secret]:
    """Their tokens, but for those that are too short for a batch to be refused for them."""
    return (token for each in credentials for token in each.tokens if len(token.reveal()) >= FEWEST)


def refuse_tokens(batch: Batch, tokens: KnownSecrets) -> None:
    """Raises ClientBug where one of these is in the batch, in any usual spelling."""
    if batch.cursor is not None and len(batch.cursor) >= FEWEST and tokens.are_in(batch.cursor):
        raise ClientBug(
            "The platform client returned a cursor with a token in it: of the address of a next page keep only what"
            " tells the page."
        )
    if batch.records and tokens.are_in(_text_of(batch.records)):
        raise ClientBug("The platform client returned a record with a token in it: take it out of addresses and texts.")


def _text_of(records: Sequence[Record]) -> str:
    values_of = {kind: _values_of(kind) for kind in {type(each) for each in records}}
    values = chain.from_iterable([values_of[type(each)](each) for each in records])
    return "\n".join(map(str, filter(None, values)))


def _values_of(kind: type[Record]) -> Callable[[Record], tuple[object, ...]]:
    """Its fields that can hold a text. There are many records, so nothing else is looked at."""
    return attrgetter(*(each.name for each in fields(kind) if "str" in str(each.type)))
