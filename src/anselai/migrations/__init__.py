"""Alembic's environment and the revisions. They are SQL: what `anselai migrate --sql` prints is what runs.

A revision is a file in `versions/` that is named after its id and counted upwards: `0004_what_it_does.py`. Write it by
hand; tests/integration/test_migrations.py says where the schema and the revisions differ.
"""
