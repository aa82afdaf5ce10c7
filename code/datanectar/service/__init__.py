"""What the API, the pages and the worker may ask for."""
