"""Trains the module's two models on AI4I 2020 and pushes them."""

from __future__ import annotations

import logging

import numpy as np
from machine_data import COLUMNS, MachineData, load
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import average_precision_score

import i4q_ai as i4q

log = logging.getLogger(__name__)

STRAIN_COLUMNS = ("type", "torque", "tool_wear")
TRAINING, HELD_OUT = slice(0, 8000), slice(8000, 10000)


def failure_risk(data: MachineData, version: str, *, trees: int = 100) -> i4q.Model:
    """Will the machine fail? From everything that is measured; asked over REST."""
    return _fitted("failure-risk", version, data.X, data.failed, trees)


def overstrain(data: MachineData, version: str, *, trees: int = 100) -> i4q.Model:
    """Will the tool be overstrained? From the load alone; small, and read as a file by whoever must be fast."""
    columns = [COLUMNS.index(name) for name in STRAIN_COLUMNS]
    return _fitted("overstrain", version, data.X[:, columns], data.overstrained, trees)


def _fitted(name: str, version: str, X: np.ndarray, y: np.ndarray, trees: int) -> i4q.Model:  # noqa: N803
    estimator = GradientBoostingClassifier(n_estimators=trees, random_state=0).fit(X[TRAINING], y[TRAINING])
    scores = estimator.predict_proba(X[HELD_OUT])[:, 1]
    metrics = {"average_precision": round(float(average_precision_score(y[HELD_OUT], scores)), 3)}
    log.info("%s %s: %s", name, version, metrics)
    return i4q.Model.from_sklearn(
        estimator, name=name, version=version, example=X[HELD_OUT][:100], training=X[TRAINING], metrics=metrics
    )


def models(version: str, *, trees: int = 100) -> tuple[i4q.Model, i4q.Model]:
    """Both models, packed and not pushed yet."""
    data = load()
    return failure_risk(data, version, trees=trees), overstrain(data, version, trees=trees)
