"""What comes in and goes out, as msgspec structs. Names are camelCase; no answer has a field for a token."""
