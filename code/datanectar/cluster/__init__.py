"""A Dask cluster: how it is reached or started, and what its workers have installed."""
