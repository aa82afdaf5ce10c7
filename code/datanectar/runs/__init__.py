"""What is to be done and was done: the tables of the run store and their use."""
