"""The use cases: standard library and domain only."""
