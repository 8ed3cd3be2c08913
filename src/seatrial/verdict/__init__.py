"""How a measurement becomes a verdict, and verdicts a decision. Pure."""
