"""Which chain of a type has a task: for a POST that does not name the chain."""

from __future__ import annotations

from collections.abc import Sequence

from datanectar.catalog.files import no_task
from datanectar.errors import ChainError, Conflict, NotFound
from datanectar.messages import ChainDescription


def chain_with_task(chains: Sequence[ChainDescription], type: str, task: str) -> str:
    """Return the name of the chain that has the task.

    Args:
        chains: all chains of the type.
        type: the type's name, for messages.
        task: the task's class name.

    Raises:
        NotFound: when no chain has it.
        Conflict: when several have; it names them.
        ChainError: when no chain has it, and some can't be imported.
    """
    having = [chain.name for chain in chains if any(t.name == task for t in chain.tasks)]
    if len(having) > 1:
        raise _several(having, type, task)
    if having:
        return having[0]
    for chain in chains:
        if any(left.name == task for left in chain.left_out):
            raise NotFound(no_task(chain, task))
    broken = "; ".join(f"{chain.name}: {chain.error}" for chain in chains if chain.error)
    if broken:
        raise ChainError(
            f"No chain of {type[:100]} that can be imported has a task {task[:100]}. {broken}"
        )
    raise NotFound(f"No chain of type {type[:100]!r} has a task {task[:100]!r}.")


def _several(names: list[str], type: str, task: str) -> Conflict:
    places = {name: f"/api/chains/{type}/{name}/{task}" for name in names}
    return Conflict(
        f"{len(names)} chains of {type} have a task {task}; name the chain: "
        f"{', '.join(places.values())}.",
        fields=places,
    )
