"""Imports Luigi in luigid, without what it does not need there: see :mod:`datanectar.child.preload`."""

from __future__ import annotations

from datanectar.optional_imports import load_later

load_later("jsonschema")
