"""The routes by which clients of others ask (service/routes/protocols.py, decision 0011)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from msgspec import Meta

from service import __version__
from service.contract.description import Answer, Body, Bytes, Example, Operation
from service.contract.refusals import BODY, JSON_BODY, NETWORK
from service.contract.shown import CLASSES, NEGATIVE, POSITIVE, one_of
from service.errors import (
    MediaTypeError,
    NotAcceptableError,
    NotFoundError,
    OverloadedError,
)
from service.predictor import Prediction
from service.routes import open_inference as v2
from service.routes import v1
from service.routes.body import ModelName
from service.routes.huggingface import Classes, InputsRequest
from service.routes.predict import PredictResponse
from service.routes.protocols import PlainError, Version
from service.routes.sagemaker import InvocationRequest

_TEXT = "This is not good at all."
_TEXTS = [_TEXT, "정말 재미있어요, 강력 추천합니다"]
_PREDICTIONS = {"predictions": [NEGATIVE, POSITIVE]}
_NAMED = {"name": "reviews-en"}
_LINES, _CSV = "application/jsonlines", "text/csv"

_JSON_LENGTH = Annotated[
    int,
    Meta(ge=0, description="How many bytes of the body are JSON, where tensors stand behind it."),
]
_OUTPUTS = [
    {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["negative"]},
    {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": [1, 2],
        "data": list(NEGATIVE["scores"].values()),
    },
]


def _with_version(operation: Operation) -> tuple[Operation, Operation]:
    """An operation on a model, and the same on a version of it."""
    versioned = replace(
        operation,
        name=f"{operation.name}_version",
        path=operation.path.replace("{name}", "{name}/versions/{version}"),
        parameters={**(operation.parameters or {}), "version": Version},
        examples=tuple(
            replace(example, path={**(example.path or {}), "version": "1"})
            for example in operation.examples
        ),
    )
    return operation, versioned


_HUGGING_FACE = Operation(
    name="huggingface",
    method="post",
    path="/",
    tag="Hugging Face",
    summary="What an inference endpoint of Hugging Face answers",
    description="For clients that are given an address and no path.",
    body=Body(InputsRequest, rules={"required": ["inputs"]}),
    answer=Answer(
        "Of each text its classes, from the most probable one to the least.",
        (list[Classes],),
        headers=("Server-Timing",),
    ),
    errors=(*JSON_BODY, *NETWORK),
    examples=(Example("Inputs", [CLASSES], {"inputs": _TEXT, "parameters": {"top_k": 2}}),),
)

_V2: dict[str, Any] = {"tag": "Open Inference Protocol (v2)", "error_type": PlainError}

_OPEN_INFERENCE = (
    Operation(
        name="v2_server",
        method="get",
        path="/v2/",
        summary="What the server is",
        description="`/v2` is the same.",
        answer=Answer("Name, version, extensions.", (v2.ServerMetadata,)),
        examples=(
            Example(
                "Server",
                {"name": "manytone", "version": __version__, "extensions": ["binary_tensor_data"]},
            ),
        ),
        **_V2,
    ),
    Operation(
        name="v2_live",
        method="get",
        path="/v2/health/live",
        summary="Whether the process answers",
        answer=Answer("It does.", (v2.ServerHealth,)),
        examples=(Example("Alive", {"live": True}),),
        **_V2,
    ),
    Operation(
        name="v2_ready",
        method="get",
        path="/v2/health/ready",
        summary="Whether to send requests here",
        answer=Answer("Bundles are loaded and warm, and it is not stopping.", (v2.ServerHealth,)),
        errors=(OverloadedError,),
        examples=(Example("Ready", {"live": True, "ready": True}),),
        **_V2,
    ),
    *_with_version(
        Operation(
            name="v2_model",
            method="get",
            path="/v2/models/{name}",
            summary="What a model takes and gives",
            parameters={"name": ModelName},
            answer=Answer("Its tensors.", (v2.ModelMetadata,)),
            errors=(NotFoundError,),
            examples=(
                Example(
                    "Model",
                    {
                        "name": "reviews-en",
                        "versions": ["1"],
                        "platform": "pytorch_torchscript",
                        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
                        "outputs": [
                            {"name": "label", "datatype": "BYTES", "shape": [-1]},
                            {
                                "name": "probabilities",
                                "datatype": "FP32",
                                "shape": [-1, 2],
                                "parameters": {"labels": ["negative", "positive"]},
                            },
                        ],
                    },
                    path=_NAMED,
                ),
            ),
            **_V2,
        )
    ),
    *_with_version(
        Operation(
            name="v2_model_ready",
            method="get",
            path="/v2/models/{name}/ready",
            summary="Whether to send requests for a model here",
            parameters={"name": ModelName},
            answer=Answer("It is there, and answers.", (v2.ModelReady,)),
            errors=(NotFoundError, OverloadedError),
            examples=(Example("Ready", {"name": "reviews-en", "ready": True}, path=_NAMED),),
            **_V2,
        )
    ),
    *_with_version(
        Operation(
            name="v2_infer",
            method="post",
            path="/v2/models/{name}/infer",
            summary="How texts feel, as tensors",
            description=(
                "A tensor `text`, BYTES, of N texts. `data` has as many as `shape` says; instead "
                "they may stand behind the JSON, each with its length in front in four bytes, "
                "little-endian. The body may be packed (`Content-Encoding: gzip` or `deflate`); "
                "its `Content-Type` is not looked at."
            ),
            parameters={"name": ModelName},
            headers={"Inference-Header-Content-Length": _JSON_LENGTH},
            body=Body(v2.InferRequest, others={"application/octet-stream": Bytes}),
            answer=Answer(
                "The label of each text, and the probabilities of all labels, in the order that "
                "the model's metadata has. JSON, or JSON with tensors behind it.",
                (v2.InferResponse,),
                others={"application/octet-stream": Bytes},
                headers=("Server-Timing", "Inference-Header-Content-Length"),
            ),
            errors=(*BODY, NotFoundError, MediaTypeError, *NETWORK),
            examples=(
                Example(
                    "A text",
                    {"model_name": "reviews-en", "model_version": "1", "outputs": _OUTPUTS},
                    {
                        "inputs": [
                            {"name": "text", "datatype": "BYTES", "shape": [1], "data": [_TEXT]}
                        ]
                    },
                    path=_NAMED,
                ),
            ),
            **_V2,
        )
    ),
)

_V1: dict[str, Any] = {"tag": "TensorFlow Serving, KServe (v1)", "error_type": PlainError}

_VERSION_1 = (
    Operation(
        name="v1_models",
        method="get",
        path="/v1/models",
        summary="The models that are served",
        answer=Answer("Their names.", (v1.ModelNames,)),
        examples=(Example("Models", {"models": ["reviews-en", "reviews-ko"]}),),
        **_V1,
    ),
    *_with_version(
        Operation(
            name="v1_model",
            method="get",
            path="/v1/models/{name}",
            summary="Whether to send requests for a model here",
            parameters={"name": ModelName},
            answer=Answer("It is there, and answers.", (v1.ModelStatus,)),
            errors=(NotFoundError, OverloadedError),
            examples=(
                Example(
                    "Status",
                    {
                        "name": "reviews-en",
                        "ready": True,
                        "model_version_status": [
                            {
                                "version": "1",
                                "state": "AVAILABLE",
                                "status": {"error_code": "OK", "error_message": ""},
                            }
                        ],
                    },
                    path=_NAMED,
                ),
            ),
            **_V1,
        )
    ),
    *_with_version(
        Operation(
            name="v1_predict",
            method="post",
            path="/v1/models/{name}:predict",
            summary="How texts feel",
            description="The body's `Content-Type` is not looked at.",
            parameters={"name": ModelName},
            body=Body(v1.InstancesRequest),
            answer=Answer("One each, in order.", (PredictResponse,), headers=("Server-Timing",)),
            errors=(*BODY, NotFoundError, *NETWORK),
            examples=(
                Example(
                    "Instances",
                    {"predictions": [NEGATIVE, NEGATIVE]},
                    {"instances": [_TEXT, {"text": _TEXT}]},
                    path=_NAMED,
                ),
            ),
            **_V1,
        )
    ),
)

_SAGEMAKER = (
    Operation(
        name="ping",
        method="get",
        path="/ping",
        tag="SageMaker",
        summary="Whether to send requests here",
        answer=Answer("Bundles are loaded and warm, and it is not stopping.", types=()),
        errors=(OverloadedError,),
        examples=(Example("Ready", None),),
    ),
    Operation(
        name="invocations",
        method="post",
        path="/invocations",
        tag="SageMaker",
        summary="How texts feel",
        description=(
            "JSON as `/predict` takes it, or `instances`. CSV: a text a row, in one column without "
            'a header. JSON Lines: a text a line, `"…"` or `{"text": "…"}`.'
        ),
        body=Body(
            InvocationRequest,
            rules=one_of("text", "texts", "inputs", "instances"),
            others={_LINES: str, _CSV: str},
        ),
        answer=Answer(
            "What `/predict` answers; or in JSON Lines, if `Accept` asks for them, a prediction "
            "(for `inputs`, a list of classes) a line.",
            (Prediction, PredictResponse, Classes, list[Classes]),
            others={_LINES: str},
            headers=("Server-Timing",),
        ),
        errors=(*JSON_BODY, NotAcceptableError, *NETWORK),
        examples=(
            Example("One text", NEGATIVE, {"text": _TEXT}),
            Example("Instances", _PREDICTIONS, {"instances": _TEXTS}),
            Example("CSV", _PREDICTIONS, "\r\n".join(_TEXTS[:1]) + f'\r\n"{_TEXTS[1]}"', sent=_CSV),
        ),
    ),
)

PROTOCOLS = (_HUGGING_FACE, *_OPEN_INFERENCE, *_VERSION_1, *_SAGEMAKER)
