"""Tasks that need so many of something of which luigi.cfg says how many there are."""

import luigi

from chains.examples.evidence import Noted, folder


class RenderTask(Noted):
    picture = luigi.IntParameter(default=0)
    resources = {"card": 2}

    def output(self):
        return luigi.LocalTarget(str(folder(self) / f"picture{self.picture}.txt"))


class FilmTask(luigi.WrapperTask):
    def requires(self):
        return [RenderTask(picture) for picture in range(3)]


class GreedyTask(RenderTask):
    resources = {"card": 3}
