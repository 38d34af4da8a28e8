"""PostgreSQL: the schema, the pool, one file a port, and the server that comes along when none is given."""
