"""The PostgreSQL 18 that comes with AnselAI, in the user's data directory, for whoever gives no DATABASE_URL.

Not the launcher of the wheel that brings the programs: that one opens every parent of the data directory to everybody.
"""

from anselai.adapters.postgres.embedded.serving_role import has_its_rights, let_serve, serving_address
from anselai.adapters.postgres.embedded.start import EmbeddedPostgres, start_embedded

__all__ = ["EmbeddedPostgres", "has_its_rights", "let_serve", "serving_address", "start_embedded"]
