"""What the worker's log and the traces have of attempts and of their tasks."""
