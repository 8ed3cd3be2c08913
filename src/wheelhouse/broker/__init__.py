"""Orders become fills."""
