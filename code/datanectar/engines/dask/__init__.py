"""Tasks on a Dask cluster. See ``docs/engines.md``."""
