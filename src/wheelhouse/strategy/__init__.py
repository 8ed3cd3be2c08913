"""The options wheel: what to sell, when to roll, what to leave alone."""
