"""The base class of tasks that always keep their results on this disk."""

from __future__ import annotations

from datanectar.util.nectartask import NectarTask


class NectarLocalTask(NectarTask):
    """A :class:`NectarTask` that keeps its result in ``local_targets/``, whatever ``ENV`` names."""

    storage_name = "local"
