"""Sections of luigi.cfg: of a configuration class, of a task, by a path, with a namespace."""

import luigi

from chains.examples.evidence import Noted


class mail(luigi.Config):
    host = luigi.Parameter()
    port = luigi.IntParameter(default=25)


class SendTask(Noted):
    colour = luigi.Parameter()
    place = luigi.Parameter(config_path={"section": "elsewhere", "name": "place"})

    def text(self):
        return f"{mail().host} {mail().port} {self.colour} {self.place}"


class SellTask(Noted):
    task_namespace = "shop"
    name = "sold.txt"
    price = luigi.IntParameter()

    def text(self):
        return f"{self.task_id} {self.price}"


class AllTask(luigi.WrapperTask):
    def requires(self):
        return [SendTask(), SellTask()]
