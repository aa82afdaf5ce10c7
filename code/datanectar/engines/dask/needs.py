"""What tasks need of a Dask worker, in Dask's words, and whether any worker has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def missing(needed: Mapping[str, float], workers: Iterable[Mapping[str, Any]]) -> str | None:
    """Return what a task waits for that no worker has at all, in words; None when one has all of it.

    Args:
        needed: amounts by name.
        workers: what the scheduler says of its workers, each with its ``resources`` in all.
    """
    offers = [worker.get("resources") or {} for worker in workers]
    if any(_has_all(offer, needed) for offer in offers):
        return None
    if not needed:
        return "a Dask worker: the cluster has none"
    amounts = ", ".join(f"{name} {_amount(name, amount)}" for name, amount in needed.items())
    if not offers:
        return f"a Dask worker with {amounts}: the cluster has no worker"
    best = ", ".join(
        f"{name} {_amount(name, max(offer.get(name, 0) for offer in offers))}" for name in needed
    )
    return f"a Dask worker with {amounts}; the most that one has is {best}"


def _has_all(offer: Mapping[str, float], needed: Mapping[str, float]) -> bool:
    return all(offer.get(name, 0) >= amount for name, amount in needed.items())


def _amount(name: str, amount: float) -> str:
    return f"{amount / 1e9:g} GB" if name == "memory" else f"{amount:g}"
