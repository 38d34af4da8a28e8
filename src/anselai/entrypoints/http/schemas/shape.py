"""What all structs share, and the kinds of fields with the sentence that tells what they must be."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct


class Input(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What a caller sends. A field that is not declared is an error."""


class Output(Struct, rename="camel", kw_only=True):
    """What we answer."""


Text = Annotated[str, Meta(description="must be text")]
Switch = Annotated[bool, Meta(description="must be true or false")]
Moment = Annotated[
    datetime, Meta(tz=True, description="must be a time with its zone, for example 2026-01-31T12:00:00Z")
]
Day = Annotated[date, Meta(description="must be a day, for example 2026-01-31")]
Texts = Annotated[tuple[Text, ...], Meta(description="must be a list of texts")]
