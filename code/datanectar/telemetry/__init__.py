"""What those who operate the service see of it: logs, traces, and the counts of what went wrong."""
