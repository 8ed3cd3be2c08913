"""Where market data comes from, and what is let in."""
