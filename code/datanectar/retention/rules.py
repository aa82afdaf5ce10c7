"""How long the results and logs of a key are kept, from the settings and the classes of the chains."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from datanectar.keys import Key
from datanectar.messages import ChainDescription
from datanectar.settings import Settings
from datanectar.settings.ages import age_in_seconds, age_rules

RESULTS, LOGS, RUNS = "results", "logs", "runs"


@dataclass(frozen=True)
class PurgeRequest:
    """What is to be looked at, and by which age.

    ``only`` names what of results, logs and runs; a name of a type, chain or task that is None passes
    all. ``older_than`` is an age in seconds that stands in place of the rules; None: the rules.
    """

    only: tuple[str, ...] = (RESULTS, LOGS, RUNS)
    type: str | None = None
    chain: str | None = None
    task: str | None = None
    older_than: float | None = None

    @property
    def prefix(self) -> str:
        """How the names of all objects begin that can be concerned."""
        prefix = "chains/"
        for name in (self.type, self.chain, self.task):
            if name is None:
                break
            prefix += f"{name}/"
        return prefix

    def passes(self, key: Key) -> bool:
        """Tell whether a key is one of those that are to be looked at."""
        names = ("type", "chain", "task")
        return all(getattr(self, name) in (None, getattr(key, name)) for name in names)


class Rules:
    """Says how old results and logs may become.

    Of several rules the one that names most decides: a setting for the task, the class's ``keep``, a
    setting for the chain, for the type, for all. What no rule is for is kept for ever.

    Args:
        settings: the settings in force.
        chains: the project's chains, as they are described.
        request: may have an age of its own. It counts in place of all rules but those which say that
            the results of this very task are kept for ever.
    """

    def __init__(
        self, settings: Settings, chains: Iterable[ChainDescription], request: PurgeRequest
    ) -> None:
        self._results = age_rules(settings.keep_results)
        self._logs = age_rules(settings.keep_logs)
        self._asked = request.older_than
        self._classes = {
            (chain.type, chain.name, name): _seconds(age)
            for chain in chains
            for name, age in chain.keeps.items()
        }

    @property
    def keep_all(self) -> bool:
        """Whether no rule lets any result or log go."""
        rules = (self._classes, self._results.by_place, self._logs.by_place)
        return self._asked is None and not any(rules)

    def result_age(self, key: Key) -> float:
        """Return the age in seconds from which the result of a key may go; infinite: never."""
        place = (key.type, key.chain, key.task)
        own = self._results.of(*place)
        own = self._classes.get(place) if own is None else own
        if own == math.inf:
            return math.inf
        if self._asked is not None:
            return self._asked
        wider = (self._results.of(*place[:count]) for count in (2, 1, 0))
        return next((age for age in (own, *wider) if age is not None), math.inf)

    def log_age(self, key: Key) -> float | None:
        """Return the age from which the logs of a key may go; None: with the result."""
        if self._asked is not None:
            return self._asked
        place = (key.type, key.chain, key.task)
        ages = (self._logs.of(*place[:count]) for count in (3, 2, 1, 0))
        return next((age for age in ages if age is not None), None)

    def class_ages(self) -> dict[tuple[str, str, str], float]:
        """Return the ages in seconds that classes set, by type, chain and task."""
        return dict(self._classes)


@dataclass
class Row:
    """What of one task goes, or is gone: ``count`` results, keys with logs, or runs.

    ``size`` is in bytes, ``oldest`` a Unix stamp.
    """

    what: str
    place: str
    store: str
    count: int = 0
    files: int = 0
    size: int = 0
    oldest: float = math.inf


@dataclass
class Report:
    """What a purge found: rows by what, store and task; why what is old is kept, and how often."""

    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        what: str,
        place: str,
        store: str,
        *,
        count: int = 1,
        files: int,
        size: int,
        oldest: float,
    ) -> None:
        """Count something that goes."""
        row = self.rows.setdefault((what, store, place), Row(what, place, store))
        row.count += count
        row.files += files
        row.size += size
        row.oldest = min(row.oldest, oldest)

    def keep(self, why: str) -> None:
        """Count something that is old and kept."""
        self.kept[why] = self.kept.get(why, 0) + 1


def _seconds(age: str) -> float:
    """Return the seconds of an age that a child has reported; for ever where it can't be read."""
    try:
        return age_in_seconds(age)
    except ValueError:
        return math.inf
