"""Parameters: their types, values, texts, and the options of a task class."""
