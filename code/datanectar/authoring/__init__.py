"""What tasks do without the author writing it: save and load results, log, show progress."""
