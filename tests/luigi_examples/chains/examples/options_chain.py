"""Attributes that mean something to datanectar's own classes, and something else here."""

import luigi

from chains.examples.evidence import Noted


class ToneTask(Noted):
    name = "tone.txt"
    frequency = 440
    version = object()
    schedule = ["monday"]


class PictureTask(Noted):
    name = "picture.txt"
    width = 640
    workers = "many"
    run_timeout = "long"
    output_name = 3


class BothTask(luigi.WrapperTask):
    def requires(self):
        return [ToneTask(), PictureTask()]
