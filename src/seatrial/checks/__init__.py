"""The readiness checks, one module a category."""
