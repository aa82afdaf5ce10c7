"""No chain: what chains here import."""

import luigi


class ImportedTask(luigi.Task):
    """Defined here, so it is no chain's own."""
