"""The composition root: the only package that chooses adapters. Nothing is built when it is imported."""

from anselai.container.foundation import address_to_check, has_database, open_rehearsal, try_every_table
from anselai.container.keys import (
    KeyInUse,
    add_primary_key,
    check_key,
    generate_key,
    how_to_remove,
    keeps_keys_in_files,
    kept_keys,
    key_in_use,
)
from anselai.container.opening import open_ansel, open_container, open_database, open_in_memory, open_on
from anselai.container.schema import SchemaState, move_schema, schema_grants, schema_revisions, schema_sql, schema_state

__all__ = [
    "KeyInUse",
    "SchemaState",
    "add_primary_key",
    "address_to_check",
    "check_key",
    "generate_key",
    "has_database",
    "how_to_remove",
    "keeps_keys_in_files",
    "kept_keys",
    "key_in_use",
    "move_schema",
    "open_ansel",
    "open_container",
    "open_database",
    "open_in_memory",
    "open_on",
    "open_rehearsal",
    "schema_grants",
    "schema_revisions",
    "schema_sql",
    "schema_state",
    "try_every_table",
]
