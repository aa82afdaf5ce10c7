"""How a run's calls get to luigid: over connections of its own, one by one or many in a request."""
