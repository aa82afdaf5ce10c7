"""The collector under the import path that chain authors are given."""

from datanectar.catalog.collector import APIChainCollector

__all__ = ["APIChainCollector"]
