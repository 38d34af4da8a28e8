"""Token refreshes that are fought over, by processes that are killed, on platforms whose refresh tokens work once.

`make refreshes` runs it: in made-up time with a fault at every step, and with real processes, a real PostgreSQL and a
provider that is asked over HTTP. Both are judged by what the provider itself wrote down.
"""
