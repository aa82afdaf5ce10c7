"""The drawing of the tasks of a run."""
