"""Finding out what chains there are: all new, none changed, one edited."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.report import Figure, median
from benchmarks.stack import project
from datanectar.catalog.files import file_stamp, find_chains
from datanectar.catalog.listing_cache import Catalog
from datanectar.child_pool import ChildPool

_LOOKS = 20


def measure(chains: int = 1000) -> list[Figure]:
    """Describe so many chains through children, then look again; the floor is to stat the files."""
    with project() as stack:
        source = (stack.settings.chains / "bench" / "trivial_chain.py").read_text()
        for number in range(chains - 1):
            stack.chain(f"bench/many_{number}_chain", source)
        children = ChildPool(stack.settings, ahead=stack.settings.workers)
        children.start()
        try:
            catalog = Catalog(stack.settings, children)
            cold = _time(catalog)
            unchanged = [_time(catalog) for _ in range(_LOOKS)]
            edited = []
            file = stack.settings.chains / "bench" / "many_0_chain.py"
            for number in range(1, _LOOKS + 1):
                os.utime(file, (number, number))
                edited.append(_time(catalog))
        finally:
            children.close()
        stats = [_stat(stack.settings.chains) for _ in range(_LOOKS)]
    floor = ("list and stat", median(stats) * 1000)
    return [
        Figure("collecting", f"{chains:,} chains, cold", cold, "s"),
        Figure("collecting", "unchanged", median(unchanged) * 1000, "ms", _LOOKS, *floor),
        Figure("collecting", "one edited", median(edited) * 1000, "ms", _LOOKS, *floor),
    ]


def _time(catalog: Catalog) -> float:
    began = time.perf_counter()
    catalog.chains()
    return time.perf_counter() - began


def _stat(chains: Path) -> float:
    began = time.perf_counter()
    for file in find_chains(chains):
        file_stamp(file.path)
    return time.perf_counter() - began
