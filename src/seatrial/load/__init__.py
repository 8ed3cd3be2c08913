"""Load generators that do not lie about latency."""
