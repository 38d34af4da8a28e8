"""The whole schema: importing this module fills the MetaData."""

from anselai.adapters.postgres import schema_access, schema_business, schema_records, schema_sync
from anselai.adapters.postgres.metadata import metadata

__all__ = ["metadata", "schema_access", "schema_business", "schema_records", "schema_sync"]
