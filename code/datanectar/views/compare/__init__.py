"""Two runs compared: parameters, durations of tasks, logs and results."""
