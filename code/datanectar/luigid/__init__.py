"""Luigi's scheduler: how it is started and guarded, and asked outside of runs."""
