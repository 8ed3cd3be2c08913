"""The published JSON Schemas of what seatrial reads and writes."""
