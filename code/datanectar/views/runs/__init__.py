"""The pages of runs: the history, and one run with its tasks, log and buttons."""
