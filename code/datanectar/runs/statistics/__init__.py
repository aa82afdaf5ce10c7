"""What pages count and draw of many runs: the last ones of each task, and how long they took."""
