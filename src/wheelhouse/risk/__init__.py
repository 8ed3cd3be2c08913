"""Exposure, value at risk, margin, limits and scenarios."""
