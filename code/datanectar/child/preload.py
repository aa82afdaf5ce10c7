"""Imports Luigi in the fork server, without what it does not need there.

Luigi would use requests for its calls to luigid (luigi/rpc.py), which children make in another way.
Its retries bring tornado and asyncio, for functions that nobody retries here (tenacity/__init__.py).
Together they are a hundred modules and more, and 5 MB. A chain can import them all the same.

Parameters with a schema need jsonschema (luigi/parameter.py), which takes 0.1 s to import, and more
than 1 s with the packages for formats that JupyterLab brings. It is loaded when one is checked.
"""

from __future__ import annotations

from datanectar.optional_imports import left_out, load_later

load_later("jsonschema")
with left_out("requests", "tornado"):
    import luigi  # noqa: F401
