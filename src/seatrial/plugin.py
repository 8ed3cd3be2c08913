"""The pytest face of a trial: fixtures, options and the events of a run."""
