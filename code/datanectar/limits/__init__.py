"""What a task may take of the machine: its limits, who watches them, and what it took."""
