"""Prices, greeks and volatilities on arrays."""
