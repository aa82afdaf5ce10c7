"""The worker process: it claims runs, follows them and ends them."""
