"""Two versions of datanectar on one run store."""
