"""What the target's processes use."""
