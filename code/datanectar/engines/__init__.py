"""What runs the tasks of a run, one package an engine; the processes of the run's own host are in ``runner``."""
