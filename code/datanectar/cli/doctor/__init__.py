"""``datanectar doctor``: what is wrong with the machine or the project, and the cure."""
