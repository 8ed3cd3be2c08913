"""Saboteurs, and the proof that every check can fail."""
