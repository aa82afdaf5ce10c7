"""Trains a small model on the breast cancer data that scikit-learn ships, and says how good it is::

    SplitTask ─┬─ TrainTask ─┬─ ScoreTask ── ReportTask
               └─────────────┘

Needs scikit-learn, which ``make up`` installs; elsewhere: ``pip install -e '.[examples]'``. Two
models on the same split share the split; another seed or another share of patients for the test is
another split.
"""

from __future__ import annotations

import io
from typing import Any

import luigi
from luigi.util import requires

from datanectar import NectarTask

NEEDS_SKLEARN = "This chain needs scikit-learn: pip install -e '.[examples]'"

# scikit-learn takes a second to import, and every request reads this file for its parameters: so
# it is imported where the work is done.


def patients() -> Any:
    """Return the data set: ``data`` (569 x 30 measurements), ``target`` (0 malignant, 1 benign).

    Raises:
        ImportError: when scikit-learn is not installed, saying what to do.
    """
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError as missing:
        raise ImportError(NEEDS_SKLEARN) from missing
    return load_breast_cancer()


class SplitTask(NectarTask):
    """Draw the patients that the test is for; both parts have the same share of malignant ones."""

    test_fraction = luigi.NumericalParameter(
        var_type=float,
        min_value=0.01,
        max_value=0.99,
        default=0.25,
        description="share of the patients kept for the test.",
    )
    seed = luigi.IntParameter(default=1, description="what chance is seeded with")
    output_name = "out.json"

    def run(self) -> None:
        """Write the row numbers of both parts, in order."""
        rows = patients().target
        from sklearn.model_selection import train_test_split

        train, test = train_test_split(
            range(len(rows)), test_size=self.test_fraction, random_state=self.seed, stratify=rows
        )
        self.save({"train": sorted(train), "test": sorted(test)})
        self.log.info("%d patients to learn from, %d to test on", len(train), len(test))


@requires(SplitTask)
class TrainTask(NectarTask):
    """Fit a model to the patients that are not kept for the test."""

    model = luigi.ChoiceParameter(
        choices=["logistic", "forest"],
        default="logistic",
        description="logistic regression on standardised measurements, or a random forest.",
    )
    output_name = "out.joblib"
    output_binary = True

    def run(self) -> None:
        """Write the fitted model."""
        everyone = patients()
        train = self.load(self.input())["train"]
        fitted = untrained(self.model, self.seed).fit(everyone.data[train], everyone.target[train])
        import joblib

        with self.output().open("w") as out:
            joblib.dump(fitted, out)
        self.log.info("%s fitted to %d patients", self.model, len(train))


def untrained(model: str, seed: int) -> Any:
    """Return a new model of the kind."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if model == "forest":
        return RandomForestClassifier(n_estimators=100, random_state=seed)
    return make_pipeline(StandardScaler(), LogisticRegression())


@requires(TrainTask, SplitTask)
class ScoreTask(NectarTask):
    """Let the model judge the patients that it has not seen, and count."""

    output_name = "out.json"
    # Raise this when the way of scoring changes: it is part of the key, so new scores are made.
    version = "1"

    def run(self) -> None:
        """Write the confusion matrix and what follows from it; malignant is what is looked for."""
        everyone = patients()
        trained, split = self.input()
        test = self.load(split)["test"]
        guesses = load_model(trained).predict(everyone.data[test])
        self.save(scores(everyone.target[test].tolist(), guesses.tolist()))


def load_model(target: luigi.Target) -> Any:
    """Return the model in a target.

    Loading a joblib file can run any code that is in it: load what your own chain has written,
    never a model that somebody sent.
    """
    import joblib

    with target.open("r") as stream:
        return joblib.load(io.BytesIO(stream.read()))


def scores(truth: list[int], guesses: list[int]) -> dict[str, Any]:
    """Return the confusion matrix, accuracy, precision and recall; 0 is malignant."""
    pairs = list(zip(truth, guesses, strict=True))
    found, missed = pairs.count((0, 0)), pairs.count((0, 1))
    alarmed, cleared = pairs.count((1, 0)), pairs.count((1, 1))
    return {
        "patients": len(pairs),
        "malignant": {"found": found, "missed": missed},
        "benign": {"false_alarm": alarmed, "cleared": cleared},
        "accuracy": round((found + cleared) / len(pairs), 4),
        "precision": round(found / (found + alarmed), 4) if found + alarmed else None,
        "recall": round(found / (found + missed), 4) if found + missed else None,
    }


@requires(ScoreTask)
class ReportTask(NectarTask):
    """Put the scores into words and a small table."""

    def run(self) -> None:
        """Write the text."""
        score = self.load(self.input())
        malignant, benign = score["malignant"], score["benign"]
        self.save(
            f"Model {self.model}, tested on {score['patients']} patients "
            f"({self.test_fraction:.0%} of all, seed {self.seed})\n\n"
            f"                   judged malignant   judged benign\n"
            f"is malignant       {malignant['found']:16}{malignant['missed']:16}\n"
            f"is benign          {benign['false_alarm']:16}{benign['cleared']:16}\n\n"
            f"accuracy {score['accuracy']}, precision {score['precision']}, "
            f"recall {score['recall']} (of malignant)\n"
        )
