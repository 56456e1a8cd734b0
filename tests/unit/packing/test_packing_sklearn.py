"""scikit-learn estimators to ONNX: same bytes, same answers, clear refusals."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from i4q_ai.errors import FormatError, InvalidError
from i4q_ai.model import Model
from i4q_ai.packing import onnx_models
from i4q_ai.packing.sklearn_models import export
from i4q_ai.packing.summary import summarise

RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = numpy.array(["ok", "worn"])[Y]
FRAME = pandas.DataFrame(X, columns=["speed", "torque", "wear", "heat"])


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))


def _pack(estimator: Any, example: Any = X[:20], **about: Any) -> Model:
    return Model.from_sklearn(estimator, name="tool-wear", version="1", example=example, **about)


def test_classifier_from_array() -> None:
    model = _pack(RandomForestClassifier(5, random_state=0).fit(X, Y))
    assert model.format == "onnx"
    (given,) = model.inputs
    assert (given.name, given.datatype, given.shape, given.columns) == ("X", "FP32", (-1, 4), ())
    label, probabilities = model.outputs
    assert (label.name, label.datatype, label.shape) == ("label", "INT64", (-1,))
    assert (probabilities.name, probabilities.datatype, probabilities.shape) == ("probabilities", "FP32", (-1, 2))


def test_dataframe_gives_columns_and_training_a_summary() -> None:
    model = _pack(LogisticRegression().fit(FRAME, NAMES), FRAME[:5], training=FRAME.assign(target=Y))
    assert model.inputs[0].columns == tuple(FRAME.columns)
    assert model.outputs[0].datatype == "BYTES"
    assert model.training is not None
    assert list(model.training.features) == list(FRAME.columns)
    assert model.training.features["speed"].quantiles["0.5"] == pytest.approx(FRAME["speed"].median())


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        GradientBoostingRegressor(n_estimators=3, random_state=0),
        IsolationForest(n_estimators=5, random_state=0),
        LinearSVC(),
        StandardScaler(),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_other_kinds(estimator: Any) -> None:
    assert _pack(estimator.fit(X, Y)).inputs[0].shape == (-1, 4)


def test_pipeline_that_chooses_columns_by_name_still_takes_one_tensor() -> None:
    chooser = ColumnTransformer([("scale", StandardScaler(), ["heat", "speed"])], remainder="passthrough")
    estimator = make_pipeline(chooser, RandomForestClassifier(5, random_state=0)).fit(FRAME, Y)
    model = _pack(estimator, FRAME[:50])
    assert model.inputs[0].shape == (-1, 4)
    session = onnx_models.load(Path(str(model.source)) / "model.onnx")
    (labels, _) = session.run(None, {"X": X.astype("float32")})
    assert (labels == estimator.predict(FRAME)).mean() > 0.99


def test_same_estimator_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from tests.unit.packing.test_packing_sklearn import *; "
        "print(hashlib.sha256(export(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), 4)).hexdigest())"
    )
    root = Path(__file__).parents[3]

    def _run(seed: str) -> str:
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        return subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True, check=True
        ).stdout

    assert _run("1") == _run("2")


@pytest.mark.parametrize(
    ("example", "told"),
    [
        (X[:0], "is empty"),
        (X[0], "1 dimensions"),
        (X[:3, :3], "has 3 columns, the estimator takes 4"),
        (numpy.full((2, 4), numpy.nan), "NaN"),
        (numpy.array([["a"] * 4]), "not numeric"),
        (FRAME[:2].assign(heat="hot"), "not numeric: heat"),
        ([[1, 2], [3]], "no table"),
    ],
)
def test_example_that_does_not_fit(example: Any, told: str) -> None:
    with pytest.raises(InvalidError, match=told):
        _pack(LogisticRegression().fit(X, Y), example)


def test_unfitted_and_no_estimator() -> None:
    with pytest.raises(InvalidError, match="LogisticRegression is not fitted"):
        _pack(LogisticRegression())
    for nothing in (LogisticRegression, "model", None):
        with pytest.raises(InvalidError, match="no scikit-learn estimator"):
            _pack(nothing)


class _Own(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, rows: Any, answers: Any) -> "_Own":
        self.classes_ = numpy.unique(answers)
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, rows: Any) -> Any:
        return numpy.zeros(len(rows), dtype=int)


def test_estimator_that_cannot_be_exported() -> None:
    with pytest.raises(FormatError, match="_Own cannot be exported"):
        _pack(_Own().fit(X, Y))


class _Liar(LinearRegression):  # type: ignore[misc]
    def predict(self, rows: Any) -> Any:
        return super().predict(rows) + 3.5


def test_export_that_answers_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = export(LinearRegression().fit(X, X[:, 0]), 4)
    monkeypatch.setattr("i4q_ai.packing.sklearn_models.export", lambda *_: honest)
    with pytest.raises(FormatError, match=r"largest difference 3\.5"):
        _pack(_Liar().fit(X, X[:, 0]))


def test_labels_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = export(LogisticRegression().fit(X, 1 - Y), 4)
    monkeypatch.setattr("i4q_ai.packing.sklearn_models.export", lambda *_: turned)
    with pytest.raises(FormatError, match="'label' differs in 20 of 20"):
        _pack(LogisticRegression().fit(X, Y))


def test_labels_that_are_booleans_are_answered_as_0_and_1() -> None:
    model = _pack(LogisticRegression().fit(X, Y == 1))
    assert model.outputs[0].datatype == "INT64"


def test_summary_counts_what_is_missing() -> None:
    rows = numpy.array([[1.0, numpy.nan], [2.0, numpy.nan], [4.0, numpy.nan]])
    summary = summarise(rows)
    assert summary.rows == 3
    first, second = summary.features["x0"], summary.features["x1"]
    assert (first.count, first.missing, first.mean) == (3, 0, 2.33333333)
    assert first.quantiles["0"] == 1.0
    assert first.quantiles["1"] == 4.0
    assert (second.count, second.missing, second.mean, dict(second.quantiles)) == (0, 3, None, {})
    assert summarise(summary) is summary
    with pytest.raises(InvalidError, match="infinite values in 'x0'"):
        summarise(numpy.array([[numpy.inf]]))
    with pytest.raises(InvalidError, match="training has 2 columns, the example 1"):
        summarise(rows, ("a",))


def test_from_onnx_takes_a_path_bytes_and_a_proto(tmp_path: Path) -> None:
    import onnx

    data = export(LogisticRegression().fit(X, Y), 4)
    place = tmp_path / "wear.onnx"
    place.write_bytes(data)
    by_path = Model.from_onnx(place, name="m", version="1")
    by_bytes = Model.from_onnx(data, name="m", version="1")
    by_proto = Model.from_onnx(onnx.load_from_string(data), name="m", version="1")
    assert [file.path for file in by_path.files] == ["wear.onnx"]
    assert by_bytes == by_proto
    assert by_bytes.inputs == by_path.inputs
    assert by_bytes.inputs[0].shape == (-1, 4)


def test_onnx_with_tensors_in_files_beside_it(tmp_path: Path) -> None:
    import onnx

    proto = onnx.load_from_string(_matmul())
    onnx.save_model(proto, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    model = Model.from_onnx(tmp_path / "m.onnx", name="m", version="1")
    assert [file.path for file in model.files] == ["m.data", "m.onnx"]


def _matmul() -> bytes:
    import onnx

    weights = onnx.numpy_helper.from_array(numpy.ones((4, 512), dtype="float32"), "W")
    given = onnx.helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, ["batch", 4])
    out = onnx.helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, ["batch", 512])
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["X", "W"], ["Y"])], "g", [given], [out], [weights])
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    data: bytes = proto.SerializeToString()
    return data


def test_onnx_that_the_runtime_refuses(tmp_path: Path) -> None:
    import onnx

    proto = onnx.load_from_string(_matmul())
    proto.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(FormatError, match="onnxruntime cannot load"):
        Model.from_onnx(proto, name="m", version="1")
    with pytest.raises(InvalidError, match="there is no file"):
        Model.from_onnx(tmp_path / "none.onnx", name="m", version="1")
    with pytest.raises(InvalidError, match="not a int"):
        Model.from_onnx(5, name="m", version="1")
