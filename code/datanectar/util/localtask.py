"""The base class of tasks whose results always stay on this disk."""

from __future__ import annotations

from datanectar.util.nectartask import NectarTask


class NectarLocalTask(NectarTask):
    """A :class:`NectarTask` that keeps its result in ``local_targets/``, whatever ``ENV`` says."""

    storage_name = "local"
