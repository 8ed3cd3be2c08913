"""The seam between the trial and the system under trial."""
