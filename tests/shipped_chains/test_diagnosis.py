from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import joblib
import luigi
import numpy as np
import pytest

from chains.ds.diagnosis_chain import ReportTask, ScoreTask, SplitTask, TrainTask
from datanectar import Result, RunFailed

Run = Callable[..., Result]
SPLIT = {"seed": 7, "test_fraction": 0.2}
MODEL = {**SPLIT, "model": "logistic"}


@pytest.fixture
def trained(run_chain: Run) -> Result:
    """The report of the logistic model; all that it needs is there too."""
    result = run_chain(ReportTask(**MODEL))
    assert result.ran == ["SplitTask", "TrainTask", "ScoreTask", "ReportTask"]
    return result


@pytest.fixture(scope="module")
def everyone() -> Any:
    """The data set as scikit-learn has it; its import takes two seconds."""
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer()


def content(task: luigi.Task) -> Any:
    with task.output().open("r") as stream:
        return json.load(stream)


def model(task: TrainTask) -> Any:
    return joblib.load(task.output().path)


def test_the_split_parts_all_patients_with_equal_shares_of_malignant(
    trained: Result, everyone: Any
) -> None:
    split = content(SplitTask(**SPLIT))
    assert sorted(split["train"] + split["test"]) == list(range(569))
    assert len(split["test"]) == 114
    malignant = (everyone.target == 0).astype(float)
    assert abs(malignant[split["test"]].mean() - malignant[split["train"]].mean()) < 0.01


def test_the_scores_are_those_of_the_model_computed_by_hand(trained: Result, everyone: Any) -> None:
    """The fitted numbers are taken out of the model, and the rest is arithmetic."""
    test = content(SplitTask(**SPLIT))["test"]
    scaler, logistic = (step for _, step in model(TrainTask(**MODEL)).steps)
    standard = (everyone.data[test] - scaler.mean_) / scaler.scale_
    benign = standard @ logistic.coef_[0] + logistic.intercept_[0] > 0
    truly = everyone.target[test] == 1
    score = content(ScoreTask(**MODEL))
    assert score["malignant"] == {
        "found": int(np.sum(~benign & ~truly)),
        "missed": int(np.sum(benign & ~truly)),
    }
    assert score["benign"] == {
        "false_alarm": int(np.sum(~benign & truly)),
        "cleared": int(np.sum(benign & truly)),
    }
    assert score["accuracy"] == pytest.approx(np.mean(benign == truly), abs=5e-5)
    assert score["recall"] == pytest.approx(np.mean(~benign[~truly]), abs=5e-5)
    assert score["precision"] == pytest.approx(np.mean(~truly[~benign]), abs=5e-5)
    assert score["accuracy"] > 0.93


def test_the_model_saw_the_train_part_only(trained: Result, everyone: Any) -> None:
    train = content(SplitTask(**SPLIT))["train"]
    scaler = model(TrainTask(**MODEL)).steps[0][1]
    assert scaler.mean_ == pytest.approx(everyone.data[train].mean(axis=0))


def test_the_report_shows_the_confusion_matrix(trained: Result) -> None:
    score = content(ScoreTask(**MODEL))
    lines = trained.read_text().splitlines()
    assert lines[0] == "Model logistic, tested on 114 patients (20% of all, seed 7)"
    rows = {line[:12].strip(): [int(n) for n in line[12:].split()[-2:]] for line in lines[3:5]}
    assert rows == {
        "is malignant": [score["malignant"]["found"], score["malignant"]["missed"]],
        "is benign": [score["benign"]["false_alarm"], score["benign"]["cleared"]],
    }


def test_the_scores_version_is_part_of_their_key() -> None:
    params = {"model": "logistic", "seed": "7", "test_fraction": "0.2"}
    versioned = json.dumps({**params, "version": "1"}, sort_keys=True)
    assert ScoreTask(**MODEL).key.md5 == hashlib.md5(versioned.encode()).hexdigest()
    plain = json.dumps(params, sort_keys=True)
    assert TrainTask(**MODEL).key.md5 == hashlib.md5(plain.encode()).hexdigest()


def test_a_rerun_does_nothing(run_chain: Run, trained: Result) -> None:
    assert run_chain(ReportTask(**MODEL)).ran == []


def test_another_model_uses_the_same_split(run_chain: Run, trained: Result, everyone: Any) -> None:
    forest = TrainTask(**SPLIT, model="forest")
    assert run_chain(forest).ran == ["TrainTask"]
    first = model(forest).predict_proba(everyone.data)
    forest.output().remove()
    run_chain(forest)
    assert (model(forest).predict_proba(everyone.data) == first).all()


def test_without_scikit_learn_the_chain_says_what_to_install(
    run_chain: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sklearn", "sklearn.datasets", "joblib"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunFailed) as failed:
        run_chain(ReportTask(**MODEL))
    assert failed.value.task == "ds/diagnosis_chain/SplitTask"
    assert failed.value.reason == (
        "ImportError: This chain needs scikit-learn: pip install -e '.[examples]'"
    )


@pytest.mark.parametrize("fraction", ["0", "1", "1.5", "nan"])
def test_a_fraction_that_leaves_nobody_is_no_parameter(fraction: str) -> None:
    with pytest.raises(ValueError, match=re.escape("is not in the set of float in [0.01, 0.99)")):
        SplitTask.test_fraction.parse(fraction)
