"""Luigi's scheduler: how it is started, who may change it, and how it is asked outside of runs."""
