from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from tests.shipped_chains.conftest import Project, make_project

DS = "ds.diagnosis_chain"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the report of the logistic model, and all it needs, is made."""
    project = make_project(tmp_path_factory.mktemp("project"))
    built = project.build(DS, "ReportTask", seed="7", test_fraction="0.2")
    assert built.complete, built.log
    assert built.started == ["SplitTask", "TrainTask", "ScoreTask", "ReportTask"]
    return project


@pytest.fixture(scope="module")
def everyone() -> Any:
    """The data set as scikit-learn has it; its import takes two seconds."""
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer()


def result(project: Project, task: str) -> Path:
    (path,) = (project.folder / "local_targets/chains/ds/diagnosis_chain" / task).glob("*/out.*")
    return path


def content(project: Project, task: str) -> Any:
    return json.loads(result(project, task).read_text())


def test_the_split_parts_all_patients_with_equal_shares_of_malignant(
    trained: Project, everyone: Any
) -> None:
    split = content(trained, "SplitTask")
    assert sorted(split["train"] + split["test"]) == list(range(569))
    assert len(split["test"]) == 114
    malignant = (everyone.target == 0).astype(float)
    assert abs(malignant[split["test"]].mean() - malignant[split["train"]].mean()) < 0.01


def test_the_scores_are_those_of_the_model_computed_by_hand(
    trained: Project, everyone: Any
) -> None:
    """The fitted numbers are taken out of the model, and the rest is arithmetic."""
    test = content(trained, "SplitTask")["test"]
    scaler, logistic = (step for _, step in joblib.load(result(trained, "TrainTask")).steps)
    standard = (everyone.data[test] - scaler.mean_) / scaler.scale_
    benign = standard @ logistic.coef_[0] + logistic.intercept_[0] > 0
    truly = everyone.target[test] == 1
    score = content(trained, "ScoreTask")
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


def test_the_model_saw_the_train_part_only(trained: Project, everyone: Any) -> None:
    train = content(trained, "SplitTask")["train"]
    scaler = joblib.load(result(trained, "TrainTask")).steps[0][1]
    assert scaler.mean_ == pytest.approx(everyone.data[train].mean(axis=0))


def test_the_report_shows_the_confusion_matrix(trained: Project) -> None:
    score = content(trained, "ScoreTask")
    lines = result(trained, "ReportTask").read_text().splitlines()
    assert lines[0] == "Model logistic, tested on 114 patients (20% of all, seed 7)"
    rows = {line[:12].strip(): [int(n) for n in line[12:].split()[-2:]] for line in lines[3:5]}
    assert rows == {
        "is malignant": [score["malignant"]["found"], score["malignant"]["missed"]],
        "is benign": [score["benign"]["false_alarm"], score["benign"]["cleared"]],
    }


def test_the_scores_version_is_part_of_their_key(trained: Project) -> None:
    params = {"model": "logistic", "seed": "7", "test_fraction": "0.2"}
    versioned = json.dumps({**params, "version": "1"}, sort_keys=True)
    assert result(trained, "ScoreTask").parent.name == hashlib.md5(versioned.encode()).hexdigest()
    plain = json.dumps(params, sort_keys=True)
    assert result(trained, "TrainTask").parent.name == hashlib.md5(plain.encode()).hexdigest()


def test_a_rerun_does_nothing(trained: Project) -> None:
    assert trained.build(DS, "ReportTask", seed="7", test_fraction="0.2").started == []


def test_another_model_uses_the_same_split(trained: Project, everyone: Any) -> None:
    built = trained.build(DS, "TrainTask", seed="7", test_fraction="0.2", model="forest")
    assert built.started == ["TrainTask"]
    again = joblib.load(built.file)
    built.file.unlink()
    trained.build(DS, "TrainTask", seed="7", test_fraction="0.2", model="forest")
    assert (
        joblib.load(built.file).predict_proba(everyone.data) == again.predict_proba(everyone.data)
    ).all()
    built.file.unlink()


def test_without_scikit_learn_the_chain_says_what_to_install(project: Project) -> None:
    failed = project.build(DS, "ReportTask", without="sklearn sklearn.datasets joblib")
    assert not failed.complete
    assert failed.errors == [
        "SplitTask: This chain needs scikit-learn: pip install -e '.[examples]'"
    ]


@pytest.mark.parametrize("fraction", ["0", "1", "1.5", "nan"])
def test_a_fraction_that_leaves_nobody_is_no_parameter(project: Project, fraction: str) -> None:
    done = project.python(
        "-c",
        "from chains.ds.diagnosis_chain import SplitTask\n"
        f"try: SplitTask.test_fraction.parse({fraction!r})\n"
        "except ValueError as problem: print(problem)\n",
    )

    assert f"{fraction} is not in the set of float in [0.01, 0.99)" in done.stdout
