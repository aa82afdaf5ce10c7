"""A task that hands its own methods to other processes and threads."""

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import luigi

from chains.examples.evidence import Noted


class SumTask(Noted):
    count = luigi.IntParameter(default=4)

    def part(self, number):
        return number * 2

    def text(self):
        with multiprocessing.Pool(2) as pool:
            parts = pool.map(self.part, range(self.count))
        with ThreadPoolExecutor(2) as threads:
            again = list(threads.map(self.part, range(self.count)))
        return f"{parts} {again} {pickle.loads(pickle.dumps(self)) == self}"
