"""The HTTP service: routes, authorisation, errors, health and metrics around one advisor."""
