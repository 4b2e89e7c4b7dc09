"""A bundle's network in ONNX Runtime, for comparison: the same weights, the same answers.

The graph is put together by hand from the bundle's weights, since ONNX has an LSTM of its own. It
reads texts of the same length only, which is all that the benchmark asks of it: without padding
there is nothing to leave out of the pooling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.left_out import LeftOut
from service.bundle import Bundle

Array = npt.NDArray[np.float32]

_OPSET = 17


def onnx_engine(bundle: Bundle) -> Callable[[Tensor, Tensor], Tensor]:
    """Ids (T, N) int64 and lengths (N,) -> probabilities (N, K), on one thread.

    Raises:
        LeftOut: a package is missing, or the network is of another shape than those that ship.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise LeftOut(f"{error.name} is not installed: make setup-benchmarks") from error
    used = bundle.metadata.hyper_parameters
    shape = [used.get(name) for name in ("cell", "layers", "directions", "pooling")]
    if shape != ["lstm", 1, 2, "max-mean"]:
        raise LeftOut("it is written for one two-way LSTM layer with max-mean pooling")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    model = _model(onnx, bundle)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def run(ids: Tensor, lengths: Tensor) -> Tensor:
        (answer,) = session.run(None, {"ids": ids.numpy()})
        return torch.from_numpy(answer)

    return run


def _model(onnx: Any, bundle: Bundle) -> Any:
    """Axes as in `training/model.py`: T tokens, N texts, H units, D = 2 directions."""
    weights = {name: tensor.numpy() for name, tensor in bundle.module.state_dict().items()}
    constants = _constants(weights)
    node, helper, kinds = onnx.helper.make_node, onnx.helper, onnx.TensorProto
    units = constants["R"].shape[2]
    nodes = [
        node("Gather", ["vectors", "ids"], ["embedded"]),  # (T, N) -> (T, N, E)
        node(
            "LSTM", ["embedded", "W", "R", "B"], ["states"],  # -> (T, D, N, H)
            hidden_size=units, direction="bidirectional",
        ),
        node("ReduceMax", ["states"], ["largest"], axes=[0], keepdims=0),  # -> (D, N, H)
        node("ReduceMean", ["states"], ["means"], axes=[0], keepdims=0),
        node("Concat", ["largest", "means"], ["pooled"], axis=0),  # -> (2 D, N, H)
        node("Transpose", ["pooled"], ["by_text"], perm=[1, 0, 2]),
        node("Reshape", ["by_text", "flat"], ["features"]),  # -> (N, 2 D H)
        node("Gemm", ["features", "classifier", "bias"], ["logits"], transB=1),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "manytone",
        [helper.make_tensor_value_info("ids", kinds.INT64, ["T", "N"])],
        [helper.make_tensor_value_info("probabilities", kinds.FLOAT, ["N", "K"])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = 8  # what every ONNX Runtime of today reads
    return model


def _constants(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    layer = "reader.layers.0"
    ways = [f"{layer}.forwards", f"{layer}.backwards"]
    degree = weights["temperature"]
    biases = [
        np.concatenate([_gates(weights[f"{way}.bias_ih_l0"]), _gates(weights[f"{way}.bias_hh_l0"])])
        for way in ways
    ]
    return {
        "vectors": weights["vectors"].astype(np.float32),
        "W": np.stack([_gates(weights[f"{way}.weight_ih_l0"]) for way in ways]),
        "R": np.stack([_gates(weights[f"{way}.weight_hh_l0"]) for way in ways]),
        "B": np.stack(biases),
        "classifier": weights["reader.classifier.weight"] / degree,
        "bias": weights["reader.classifier.bias"] / degree,
        "flat": np.array([0, -1], dtype=np.int64),
    }


def _gates(weight: Array) -> Array:
    """torch's order, input, forget, cell, output, -> ONNX's: input, output, forget, cell."""
    i, f, g, o = np.split(weight, 4)
    return np.concatenate([i, o, f, g])
