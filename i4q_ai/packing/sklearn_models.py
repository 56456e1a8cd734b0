"""scikit-learn estimators to ONNX, always the same bytes, checked against the estimator itself."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, TypeVar

from i4q_ai.errors import FormatError, InvalidError, MissingDependencyError
from i4q_ai.model import Model
from i4q_ai.packing import folders, onnx_models, staging
from i4q_ai.packing.summary import summarise
from i4q_ai.packing.tables import Table, table

M = TypeVar("M", bound=Model)

INPUT = "X"
_OPSETS = {"": 18, "ai.onnx.ml": 3}
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5


def from_sklearn(
    cls: type[M], estimator: Any, *, name: str, version: str, example: Any, training: Any = None, **about: Any
) -> M:
    """A model from a fitted scikit-learn estimator or pipeline; one FP32 input, the batch varies.

    Args:
        cls: Model.
        estimator: fitted.
        name, version, about: fields of the model.
        example: rows of input; the export must answer to them as the estimator does.
        training: what it was trained on, summed up per feature.

    Raises:
        InvalidError: not fitted, or the example does not fit.
        FormatError: it cannot be exported, or the export answers differently.
        MissingDependencyError: the extra is not installed.
    """
    _need_packages()
    _need_fitted(estimator)
    rows = _example(example, estimator)
    columns = rows.columns or tuple(str(one) for one in getattr(estimator, "feature_names_in_", ()))
    summary = None if training is None else summarise(training, columns)
    place = staging.stage_bytes(export(estimator, rows.width, columns), "model.onnx") / "model.onnx"
    _check_answers(estimator, example, rows, place)
    inputs, outputs = onnx_models.schema(place)
    named = (inputs[0].replace(columns=columns),) if columns else inputs
    about = {"inputs": named, "outputs": outputs, "training": summary, **about}
    return folders.from_files(cls, [place], name=name, version=version, format="onnx", **about)


def export(estimator: Any, width: int, columns: tuple[str, ...] = ()) -> bytes:
    """The estimator as ONNX; the same estimator gives the same bytes.

    Args:
        estimator: fitted.
        width: how many features it takes.
        columns: their names, for pipelines that choose columns by name.

    Raises:
        FormatError: there is no ONNX for some part of it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            proto = _converted(estimator, width, columns)
    except Exception as error:  # converters raise whatever they like
        raise FormatError(f"{type(estimator).__name__} cannot be exported to ONNX: {_first_line(error)}") from error
    return _fixed(proto)


def _converted(estimator: Any, width: int, columns: tuple[str, ...]) -> Any:
    from skl2onnx.common.data_types import FloatTensorType

    if columns and _chooses_by_name(estimator):
        proto = _convert(estimator, [(column, FloatTensorType([None, 1])) for column in columns])
        return _with_one_input(proto, columns)
    return _convert(estimator, [(INPUT, FloatTensorType([None, width]))])


def _convert(estimator: Any, inputs: list[tuple[str, Any]]) -> Any:
    from skl2onnx import to_onnx

    about = {"initial_types": inputs, "target_opset": _OPSETS, "name": "model"}
    try:
        return to_onnx(estimator, options={id(estimator): {"zipmap": False}}, **about)
    except NameError:  # not a classifier that could have one
        return to_onnx(estimator, **about)


def _chooses_by_name(estimator: Any) -> bool:
    """Whether a ColumnTransformer in it names its columns."""
    if hasattr(estimator, "steps"):
        return any(_chooses_by_name(step) for _, step in estimator.steps)
    chosen = getattr(estimator, "_columns", None) if hasattr(estimator, "transformers_") else None
    return any(
        isinstance(one, str) or (not isinstance(one, slice) and any(isinstance(c, str) for c in one))
        for one in chosen or ()
    )


def _with_one_input(proto: Any, columns: tuple[str, ...]) -> Any:
    """One input that is split into the columns which the exported graph takes one by one."""
    import onnx

    graph = proto.graph
    sizes = onnx.helper.make_tensor("i4q_sizes", onnx.TensorProto.INT64, [len(columns)], [1] * len(columns))
    split = onnx.helper.make_node(
        "Split", [INPUT, "i4q_sizes"], [f"i4q_column_{i}" for i in range(len(columns))], axis=1
    )
    renamed = {one.name: f"i4q_column_{columns.index(one.name)}" for one in graph.input}
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    whole = onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, [None, len(columns)])
    del graph.input[:]
    graph.input.append(whole)
    graph.initializer.append(sizes)
    graph.node.insert(0, split)
    return proto


def _fixed(proto: Any) -> bytes:
    """The bytes, without what says when and by what they were made."""
    proto.producer_name, proto.producer_version = "i4q-ai", ""
    proto.domain, proto.doc_string, proto.model_version = "", "", 0
    proto.graph.name, proto.graph.doc_string = "model", ""
    for node in proto.graph.node:
        node.doc_string = ""
    del proto.metadata_props[:]
    opsets = sorted({(opset.domain, opset.version) for opset in proto.opset_import})
    del proto.opset_import[:]
    for domain, version in opsets:
        opset = proto.opset_import.add()
        opset.domain, opset.version = domain, version
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def _check_answers(estimator: Any, example: Any, rows: Table, place: Path) -> None:
    """The export must answer to the example as the estimator does."""
    import numpy

    session = onnx_models.load(place)
    answers = session.run(None, {INPUT: rows.values.astype("float32")})
    names = [output.name for output in session.get_outputs()]
    for name, answer, wanted in zip(names, answers, _expected(estimator, example), strict=False):
        wanted, answer = numpy.asarray(wanted), numpy.asarray(answer)
        if wanted.dtype.kind == "b":
            wanted = wanted.astype("int64")  # classifiers over booleans are exported with the labels 0 and 1
        if wanted.size != answer.size:
            raise FormatError(f"the export's '{name}' has {answer.size} values, the estimator gives {wanted.size}")
        answer = answer.reshape(wanted.shape)
        if wanted.dtype.kind in "fc":
            _need_close(name, answer, wanted)
        elif (wrong := wanted.astype(str) != answer.astype(str)).any():
            first = int(numpy.flatnonzero(wrong)[0])
            raise FormatError(
                f"the export's '{name}' differs in {int(wrong.sum())} of {wrong.size} values; "
                f"the first: {answer.flat[first]} instead of {wanted.flat[first]} in row {first}"
            )


def _need_close(name: str, answer: Any, wanted: Any) -> None:
    import numpy

    scale = float(numpy.abs(wanted).max(initial=0.0))
    close = numpy.isclose(answer, wanted, rtol=_RELATIVE, atol=_ABSOLUTE * max(scale, 1.0), equal_nan=True)
    if close.all():
        return
    differences = numpy.abs(answer.astype("float64") - wanted)
    worst = int(numpy.nan_to_num(differences, nan=numpy.inf).argmax())
    raise FormatError(
        f"the export answers differently in '{name}': largest difference {differences.flat[worst]:.6g} "
        f"({answer.flat[worst]:.6g} instead of {wanted.flat[worst]:.6g})"
    )


def _expected(estimator: Any, example: Any) -> list[Any]:
    """What the estimator says to the example, in the order of the export's outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names of columns that an array does not have
        try:
            if not hasattr(estimator, "predict"):
                return [estimator.transform(example)]
            answers = [estimator.predict(example)]
            if hasattr(estimator, "predict_proba"):
                answers.append(estimator.predict_proba(example))
        except (ValueError, TypeError) as error:
            raise InvalidError(f"the example does not fit the estimator: {_first_line(error)}") from error
    return answers


def _example(example: Any, estimator: Any) -> Table:
    import numpy

    rows = table(example, "example")
    wanted = getattr(estimator, "n_features_in_", rows.width)
    if rows.width != wanted:
        raise InvalidError(f"the example has {rows.width} columns, the estimator takes {wanted}")
    if not numpy.isfinite(rows.values).all():
        raise InvalidError("the example has NaN or infinite values", hint="take rows without gaps")
    return rows


def _need_fitted(estimator: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise InvalidError(f"{estimator!r:.80} is no scikit-learn estimator", hint="pass a fitted object")
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise InvalidError(f"{type(estimator).__name__} is not fitted", hint="call its fit(…) first") from error
    except TypeError as error:
        raise InvalidError(f"{type(estimator).__name__} is no scikit-learn estimator") from error


def _need_packages() -> None:
    try:
        import onnxruntime  # noqa: F401
        import skl2onnx  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("packing scikit-learn estimators", extra="sklearn") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
