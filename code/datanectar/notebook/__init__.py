"""Tasks in a notebook or a script: ``run(task)``, and tasks, runs and chains as HTML."""
