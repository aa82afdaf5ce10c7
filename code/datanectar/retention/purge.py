"""A purge: what is old is looked for, and deleted unless it is needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from itertools import islice

from datanectar.keys import Key
from datanectar.retention.needs import Needs
from datanectar.retention.results import Old, old_keys, remove
from datanectar.retention.rules import LOGS, RESULTS, RUNS, PurgeRequest, Report, Rules
from datanectar.retention.runs import OldRuns, RunLimits
from datanectar.service.service import Service
from datanectar.storage.base import Storage
from datanectar.storage.registry import LOCAL, default_name, storage_named
from datanectar.storage.threads import mapped

log = logging.getLogger(__name__)

#: So many keys are judged and deleted before a purge says that it goes on.
_AT_ONCE = 50
_RUN_STORE = "run store"
_NO_RULE = (
    "No rule says how long results and logs are kept: set DATANECTAR_KEEP_RESULTS or "
    "DATANECTAR_KEEP_LOGS, or `keep` on a class, or give an age."
)


class Purge:
    """Looks for what is old, and deletes it.

    Each of both goes through the stores anew, so that memory does not grow with what they hold, and
    what has changed in between counts.

    Args:
        service: has the chains, the run store and the children.
        request: what is to be looked at.
        now: the time by which ages count, a Unix stamp; None: that of this moment.
        renew: called now and then while it goes on; what it raises ends it.
    """

    def __init__(
        self,
        service: Service,
        request: PurgeRequest,
        now: float | None = None,
        renew: Callable[[], object] = lambda: None,
    ) -> None:
        self._service = service
        self._request = request
        self._now = time.time() if now is None else now
        self._renew = renew
        self._runs = OldRuns(service.store.database)

    def look(self) -> Report:
        """Return what would be deleted, and what is old and kept; deletes nothing."""
        report = Report()
        for storage, needs, chunk in self._old(report):
            needs.refresh()
            for old in chunk:
                self._count(report, storage, old, needs.why(old.key))
        if RUNS in self._request.only:
            self._count_runs(report)
        return report

    def carry_out(self) -> Report:
        """Delete what is old and not needed; return what is gone, and what is old and kept."""
        report = Report()
        for storage, needs, chunk in self._old(report):

            def judged(old: Old, storage: Storage = storage, needs: Needs = needs) -> str | None:
                needs.refresh()  # for each: what is accepted from now on finds the result gone
                why = needs.why(old.key)
                if why is None and not remove(storage, old, self._output(old.key)):
                    why = "changed meanwhile"
                return why

            for old, why in zip(chunk, mapped(judged, chunk), strict=True):
                self._count(report, storage, old, why)
        if RUNS in self._request.only:
            self._count_runs(report)
            self._runs.purge(self.run_limits, renew=self._renew)
        return report

    @property
    def run_limits(self) -> RunLimits:
        """Which runs go: by the settings, or by the request's age."""
        request, settings = self._request, self._service.settings
        days, most = settings.keep_runs_days, settings.keep_runs_most
        before = self._now - days * 86_400 if days else None
        if request.older_than is not None:
            before, most = self._now - request.older_than, 0
        return RunLimits(before, most or None, request.type, request.chain, request.task)

    def _old(self, report: Report) -> Iterator[tuple[Storage, Needs, list[Old]]]:
        """Yield what is old, some keys at a time, with the store that they are in."""
        if not {RESULTS, LOGS} & set(self._request.only):
            return
        chains = self._service.catalog.chains(self._service.settings.import_timeout)
        rules = Rules(self._service.settings, chains, self._request)
        if rules.keep_all:
            report.notes.append(_NO_RULE)
            return
        needs = Needs(self._service, chains, self._now)
        for storage in stores(self._service):
            found = old_keys(storage, self._request, rules, self._now)
            while chunk := list(islice(found, _AT_ONCE)):
                self._renew()
                yield storage, needs, chunk
        report.notes += needs.unknown

    def _output(self, key: Key) -> str | None:
        task = self._service.store.task_by_key(str(key))
        return task.output if task else None

    def _count_runs(self, report: Report) -> None:
        each = self._runs.bytes_a_run()
        for row in self._runs.count(self.run_limits):
            size = round(each * row.count)
            report.add(
                RUNS, row.place, _RUN_STORE, count=row.count, files=0, size=size, oldest=row.oldest
            )

    @staticmethod
    def _count(report: Report, storage: Storage, old: Old, why: str | None) -> None:
        if why is not None:
            report.keep(why)
            return
        place = f"{old.key.type}/{old.key.chain}/{old.key.task}"
        report.add(
            old.what,
            place,
            storage.store_address,
            files=old.files,
            size=old.size,
            oldest=old.modified,
        )


def stores(service: Service) -> list[Storage]:
    """Return the stores that a purge goes through: the project's own, and this host's disk."""
    return [storage_named(name) for name in dict.fromkeys((default_name(service.settings), LOCAL))]
