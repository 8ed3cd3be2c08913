"""The faults that a trial injects: probed, journalled, verified, and always taken back."""
