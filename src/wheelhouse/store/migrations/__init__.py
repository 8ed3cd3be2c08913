"""Numbered SQL files, applied in order and never edited once released; a change is a new file."""
