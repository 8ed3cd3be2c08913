"""The HTTP face of the advisor."""
