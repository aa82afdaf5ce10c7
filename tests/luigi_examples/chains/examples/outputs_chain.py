"""Several outputs of one task: a list, a dictionary, both in each other."""

import luigi

from chains.examples.evidence import folder, ran


def target(task, name):
    return luigi.LocalTarget(str(folder(task) / name))


class ListTask(luigi.Task):
    def output(self):
        return [target(self, f"list{number}.txt") for number in range(3)]

    def run(self):
        ran(self)
        for number, one in enumerate(self.output()):
            with one.open("w") as out:
                out.write(str(number))


class DictTask(luigi.Task):
    def output(self):
        return {"rows": target(self, "rows.csv"), "words": target(self, "words.txt")}

    def run(self):
        ran(self)
        for name, one in self.output().items():
            with one.open("w") as out:
                out.write(name)


class NestedTask(luigi.Task):
    def requires(self):
        return {"list": ListTask(), "dict": DictTask()}

    def output(self):
        return {"all": [target(self, "a.txt"), {"b": target(self, "b.txt")}]}

    def run(self):
        ran(self)
        with self.output()["all"][0].open("w") as out:
            out.write("".join(one.open().read() for one in self.input()["list"]))
        with self.output()["all"][1]["b"].open("w") as out:
            out.write(self.input()["dict"]["rows"].open().read())
