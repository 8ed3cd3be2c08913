"""Handlers of the event stream."""
