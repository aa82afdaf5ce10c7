"""Load for a stack: POSTs of runs of all kinds, in a thread."""

from __future__ import annotations

import random
import threading
import time

import requests

from tests.servers.evidence import FAULTY
from tests.servers.stack import Stack


class Load:
    """POSTs runs of all kinds; repeats a POST that is refused, as a client would.

    Args:
        stack: where to.
        seed: of the order.
        number: the round's, for names that no other round has.
    """

    def __init__(self, stack: Stack, seed: int, number: int) -> None:
        self._stack = stack
        self.accepted: set[str] = set()
        self.refused = 0
        jobs = [("WorkTask", {"seconds": s}) for s in (0, 0, 0, 0.2, 0.5, 1.0, 2.0)]
        jobs += [("FailTask", {"seconds": 0}), ("FailTask", {"seconds": 0.3})]
        jobs += [("LitterTask", {"seconds": 0.5})]
        jobs += [("TopTask", {"base": f"base-{number}", "seconds": 0.3})] * 2
        self._posts = [(task, {"name": f"r{number}-{i}", **p}) for i, (task, p) in enumerate(jobs)]
        self._posts.append(self._posts[0])  # an equal POST
        random.Random(seed).shuffle(self._posts)
        self.names = {str(parameters["name"]) for _, parameters in self._posts}
        self.thread = threading.Thread(target=self._post_all)

    def _post_all(self) -> None:
        for task, parameters in self._posts:
            while not self._post(task, parameters):
                self.refused += 1
                time.sleep(0.2)
            time.sleep(0.05)

    def _post(self, task: str, parameters: dict[str, object]) -> bool:
        try:
            response = self._stack.post(f"{FAULTY}/{task}", json=parameters)
        except requests.RequestException:
            return False
        if response.status_code != 200:
            return False
        run_id = response.json()["data"]["run_id"]
        if run_id is not None:
            self.accepted.add(run_id)
        return True
