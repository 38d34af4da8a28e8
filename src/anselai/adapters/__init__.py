"""The outer ring: one folder a technology, each behind the ports of the domain."""
