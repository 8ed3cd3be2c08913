"""Performance and the reports of a trading day."""
