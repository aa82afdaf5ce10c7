"""The collector, under the import path that is documented for chain authors."""

from datanectar.catalog.collector import APIChainCollector

__all__ = ["APIChainCollector"]
