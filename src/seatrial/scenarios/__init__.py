"""The four categories as pytest classes."""
