"""`/v2/…`: the Open Inference Protocol, as KServe, Triton and others speak it, over HTTP.

https://github.com/kserve/open-inference-protocol, and of Triton's extensions the binary tensors:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md

A model takes one tensor, `text`, BYTES of shape [N] or [N, 1], and gives two: `label`, BYTES [N],
and `probabilities`, FP32 [N, K], whose columns are in the order of the model's labels.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, Meta, UnsetType

from service import __version__, tensors
from service.bundle import Bundle
from service.errors import BodyTooLargeError, InvalidFieldError, MediaTypeError
from service.predictor import Prediction, Predictor
from service.registry import Registry
from service.routes.body import any_body, check_count, check_texts, decoded, json_response
from service.routes.protocols import answer_errors, find_model
from service.settings import Settings

_INPUT, _LABEL, _PROBABILITIES = "text", "label", "probabilities"

# How many of the body's bytes are JSON; what follows are the tensors. In both directions.
_JSON_LENGTH = "Inference-Header-Content-Length"

_TENSOR = '{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["…"]}'


_ELEMENTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class InputParameters(msgspec.Struct, forbid_unknown_fields=True):
    """How the texts come."""

    binary_data_size: Annotated[
        int | None, Meta(description="Bytes behind the JSON, instead of `data`.")
    ] = None
    content_type: Annotated[
        str | None,
        Meta(
            description="MLServer's clients say `str`.", extra_json_schema={"enum": ["str", None]}
        ),
    ] = None


# The extensions of the protocol add fields; who does not know them ignores them.
class InputTensor(msgspec.Struct):
    """The texts."""

    name: Annotated[str, Meta(description="`text`.", extra_json_schema={"const": _INPUT})]
    datatype: Annotated[str, Meta(description="`BYTES`.", extra_json_schema={"const": "BYTES"})]
    shape: Annotated[
        list[Annotated[int, Meta(ge=0)]],
        Meta(
            description="`[N]` or `[N, 1]` for N texts, MAX_TEXTS at most.",
            extra_json_schema={"minItems": 1, "maxItems": 2},
        ),
    ]
    data: (
        Annotated[
            list[Any],
            Meta(
                description="The texts, flat or row by row.", extra_json_schema={"items": _ELEMENTS}
            ),
        ]
        | UnsetType
    ) = UNSET
    parameters: Annotated[
        InputParameters | None, Meta(description="Needed for texts behind the JSON.")
    ] = None


class WantedParameters(msgspec.Struct, forbid_unknown_fields=True):
    """How an output is to come."""

    binary_data: Annotated[
        bool | None, Meta(description="Behind the JSON, or in it; else as the request says.")
    ] = None
    classification: Annotated[
        int | None, Meta(description="Is not served.", extra_json_schema={"const": None})
    ] = None


class WantedTensor(msgspec.Struct):
    """An output that is asked for."""

    name: Annotated[
        str,
        Meta(description="Of the output.", extra_json_schema={"enum": [_LABEL, _PROBABILITIES]}),
    ]
    parameters: Annotated[WantedParameters | None, Meta(description="How it is to come.")] = None


class RequestParameters(msgspec.Struct, forbid_unknown_fields=True):
    """What holds for the whole request."""

    binary_data_output: Annotated[
        bool, Meta(description="Outputs come behind the JSON, unless they say otherwise.")
    ] = False
    priority: Annotated[int, Meta(description="Is ignored: all requests are equal.")] = 0
    timeout: Annotated[
        int, Meta(description="Microseconds; is ignored: DEADLINE_SECONDS holds for all.")
    ] = 0


class InferRequest(msgspec.Struct):
    """Texts for one model."""

    inputs: Annotated[
        list[InputTensor],
        Meta(description="The one there is.", extra_json_schema={"minItems": 1, "maxItems": 1}),
    ]
    outputs: Annotated[
        list[WantedTensor] | None, Meta(description="Those that are wanted, each once; else all.")
    ] = None
    parameters: Annotated[
        RequestParameters | None, Meta(description="What holds for the whole request.")
    ] = None
    id: Annotated[str, Meta(description="Comes back with the answer.")] | UnsetType = UNSET


class OutputTensor(msgspec.Struct):
    """What the texts were given."""

    name: Annotated[str, Meta(description="`label` or `probabilities`.")]
    datatype: Annotated[str, Meta(description="`BYTES` or `FP32`.")]
    shape: Annotated[list[int], Meta(description="`[N]` of labels, `[N, K]` of probabilities.")]
    data: (
        Annotated[
            list[Any], Meta(description="Row by row; missing where it comes behind the JSON.")
        ]
        | UnsetType
    ) = UNSET
    parameters: (
        Annotated[
            dict[str, int], Meta(description="`binary_data_size`: bytes of it behind the JSON.")
        ]
        | UnsetType
    ) = UNSET


class InferResponse(msgspec.Struct):
    """Labels and probabilities of the texts."""

    model_name: Annotated[str, Meta(description="The bundle that read them.")]
    model_version: Annotated[str, Meta(description="Its version.")]
    outputs: Annotated[list[OutputTensor], Meta(description="In the order they were asked for.")]
    id: Annotated[str, Meta(description="As it was sent.")] | UnsetType = UNSET


class ServerMetadata(msgspec.Struct):
    """What the server is."""

    name: Annotated[str, Meta(description="`manytone`.")]
    version: Annotated[str, Meta(description="Of the service.")]
    extensions: Annotated[list[str], Meta(description="Of the protocol.")]


class ServerHealth(msgspec.Struct):
    """Whether the server answers, and answers well."""

    live: Annotated[bool, Meta(description="The process answers.")]
    ready: Annotated[bool, Meta(description="Requests should be sent here.")] | UnsetType = UNSET


class ModelReady(msgspec.Struct):
    """Whether a model answers."""

    name: Annotated[str, Meta(description="The bundle's.")]
    ready: Annotated[bool, Meta(description="Requests for it should be sent here.")]


class TensorMetadata(msgspec.Struct):
    """What a tensor is like."""

    name: Annotated[str, Meta(description="Of the tensor.")]
    datatype: Annotated[str, Meta(description="`BYTES` or `FP32`.")]
    shape: Annotated[list[int], Meta(description="-1: as many as there are texts.")]
    parameters: (
        Annotated[dict[str, Any], Meta(description="`labels`: what the columns are.")] | UnsetType
    ) = UNSET


class ModelMetadata(msgspec.Struct):
    """What a model takes and gives."""

    name: Annotated[str, Meta(description="The bundle's.")]
    versions: Annotated[list[str], Meta(description="There is one.")]
    platform: Annotated[str, Meta(description="`pytorch_torchscript`.")]
    inputs: Annotated[list[TensorMetadata], Meta(description="There is one: the texts.")]
    outputs: Annotated[list[TensorMetadata], Meta(description="Labels and probabilities.")]


_decoder = msgspec.json.Decoder(InferRequest)
_encode = msgspec.json.Encoder().encode


def blueprint(
    predictor: Predictor, registry: Registry, settings: Settings, check_ready: Callable[[], None]
) -> Blueprint:
    """
    Args:
        check_ready: raises an `OverloadedError` where requests should not be sent here.
    """
    routes = Blueprint("open_inference", __name__)
    answer_errors(routes, "/v2")

    @routes.get("/v2/", strict_slashes=False)
    def server() -> Response:
        return json_response(
            ServerMetadata("manytone", __version__, extensions=["binary_tensor_data"])
        )

    @routes.get("/v2/health/live")
    def live() -> Response:
        return json_response(ServerHealth(live=True))

    @routes.get("/v2/health/ready")
    def ready() -> Response:
        check_ready()
        # The protocol's text calls the second one "live" as well, its servers "ready".
        return json_response(ServerHealth(live=True, ready=True))

    @routes.get("/v2/models/<name>")
    @routes.get("/v2/models/<name>/versions/<version>")
    def model(name: str, version: str | None = None) -> Response:
        return json_response(_described(find_model(registry, name, version)))

    @routes.get("/v2/models/<name>/ready")
    @routes.get("/v2/models/<name>/versions/<version>/ready")
    def model_ready(name: str, version: str | None = None) -> Response:
        find_model(registry, name, version)
        check_ready()
        return json_response(ModelReady(name, ready=True))

    @routes.post("/v2/models/<name>/infer")
    @routes.post("/v2/models/<name>/versions/<version>/infer")
    def infer(name: str, version: str | None = None) -> Response:
        bundle = find_model(registry, name, version)
        document, binary = _split(_decompressed(any_body(), settings.max_body_bytes))
        asked = decoded(_decoder, document, example=f'{{"inputs": [{_TENSOR}]}}')
        _check_wanted(asked)
        texts = _texts(asked.inputs, binary, settings)
        check_texts(texts, settings, "/inputs/0/data")
        return _answer(bundle, asked, predictor.predict(texts, bundle))

    return routes


def _described(bundle: Bundle) -> ModelMetadata:
    labels = bundle.metadata.labels
    return ModelMetadata(
        name=bundle.metadata.name,
        versions=[bundle.metadata.version],
        platform="pytorch_torchscript",
        inputs=[TensorMetadata(_INPUT, "BYTES", [-1])],
        outputs=[
            TensorMetadata(_LABEL, "BYTES", [-1]),
            TensorMetadata(_PROBABILITIES, "FP32", [-1, len(labels)], {"labels": labels}),
        ],
    )


# --- The request ------------------------------------------------------------------------------


def _decompressed(body: bytes, most: int) -> bytes:
    """
    Args:
        most: bytes that the body may have when it is unpacked.
    """
    coding = request.headers.get("Content-Encoding", "identity").lower()
    if coding == "identity":
        return body
    if coding not in ("gzip", "deflate"):
        raise MediaTypeError(
            f"Content-Encoding {coding!r} is not known; send gzip, deflate or none."
        )
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: whichever of the two it is
    try:
        unpacked = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise InvalidFieldError(f"The body is not {coding}, as it claims to be.", "") from error
    if len(unpacked) > most:
        raise BodyTooLargeError(f"The body unpacks to over {most:,} bytes (MAX_BODY_BYTES).")
    if not unpacking.eof or unpacking.unused_data:
        raise InvalidFieldError(f"The body is cut short, or goes on behind its {coding}.", "")
    return unpacked


def _split(body: bytes) -> tuple[bytes, bytes]:
    """The JSON, and the binary tensors behind it."""
    given = request.headers.get(_JSON_LENGTH)
    if given is None:
        return body, b""
    length = int(given) if re.fullmatch("[0-9]{1,12}", given) else -1
    if not 0 <= length <= len(body):
        raise InvalidFieldError(
            f"{_JSON_LENGTH} is {given!r}; expected how many bytes of the body are JSON, from 0 "
            f"to {len(body)}.",
            "",
        )
    return body[:length], body[length:]


def _check_wanted(asked: InferRequest) -> None:
    names = [wanted.name for wanted in asked.outputs or ()]
    for place, wanted in enumerate(asked.outputs or ()):
        if wanted.name in names[:place]:  # a megabyte of names would ask for gigabytes of answer
            raise InvalidFieldError(
                f"{wanted.name!r} is asked for twice; once will do.", f"/outputs/{place}/name"
            )
        if wanted.name not in (_LABEL, _PROBABILITIES):
            raise InvalidFieldError(
                f'No output {wanted.name!r}; there are "{_LABEL}" and "{_PROBABILITIES}".',
                f"/outputs/{place}/name",
            )
        if wanted.parameters is not None and wanted.parameters.classification is not None:
            raise InvalidFieldError(
                f'The classification extension is not served; "{_LABEL}" is the most probable '
                f'label, and "{_PROBABILITIES}" has all of them.',
                f"/outputs/{place}/parameters/classification",
            )


def _texts(inputs: list[InputTensor], binary: bytes, settings: Settings) -> list[str]:
    if [tensor.name for tensor in inputs] != [_INPUT]:
        names = ", ".join(repr(tensor.name) for tensor in inputs) or "none"
        raise InvalidFieldError(
            f'Expected one input called "{_INPUT}", such as {_TENSOR}; got: {names}.', "/inputs"
        )
    tensor = inputs[0]
    count = _count(tensor)
    check_count(count, settings, "/inputs/0/shape")
    _check_binary(tensor, binary)
    if isinstance(tensor.data, list):
        return _from_json(tensor.data, count)
    return tensors.read_texts(binary, count)


def _check_binary(tensor: InputTensor, binary: bytes) -> None:
    parameters = tensor.parameters or InputParameters()
    if parameters.content_type not in (None, "str"):
        raise InvalidFieldError(
            'The elements are text in UTF-8: expected "str", or nothing.',
            "/inputs/0/parameters/content_type",
        )
    if (tensor.data is UNSET) == (parameters.binary_data_size is None):
        raise InvalidFieldError(
            'Expected either "data" or the parameter "binary_data_size".', "/inputs/0"
        )
    size = parameters.binary_data_size or 0
    if size != len(binary):
        raise InvalidFieldError(
            f"Expected {size} bytes behind the JSON, got {len(binary)}.",
            "/inputs/0/parameters/binary_data_size",
        )


def _count(tensor: InputTensor) -> int:
    """How many texts the tensor has."""
    if tensor.datatype != "BYTES":
        raise InvalidFieldError(f'Expected "BYTES", got {tensor.datatype!r}.', "/inputs/0/datatype")
    if len(tensor.shape) not in (1, 2) or tensor.shape[1:] not in ([], [1]):
        raise InvalidFieldError(
            f"Expected [N] or [N, 1] for N texts, got {tensor.shape}.", "/inputs/0/shape"
        )
    return tensor.shape[0]


def _from_json(data: list[Any], count: int) -> list[str]:
    """The protocol allows a tensor flat, row by row, and in lists of lists."""
    flat = [text for row in data for text in (row if isinstance(row, list) else [row])]
    for place, text in enumerate(flat):
        if not isinstance(text, str):
            raise InvalidFieldError(f"Element {place} is not a string.", "/inputs/0/data")
    if len(flat) != count:
        raise InvalidFieldError(
            f"The shape has {count} elements, the data {len(flat)}.", "/inputs/0/data"
        )
    return flat


# --- The answer -------------------------------------------------------------------------------


def _answer(bundle: Bundle, asked: InferRequest, predictions: list[Prediction]) -> Response:
    wanted = asked.outputs or [WantedTensor(_LABEL), WantedTensor(_PROBABILITIES)]
    outputs = [_output(each.name, bundle, predictions) for each in wanted]
    packed = [
        _packed(output)
        for each, output in zip(wanted, outputs, strict=True)
        if _is_binary(each, asked)
    ]
    document = _encode(
        InferResponse(bundle.metadata.name, bundle.metadata.version, outputs, asked.id)
    )
    if not packed:
        return Response(document, content_type="application/json")
    response = Response(document + b"".join(packed), content_type="application/octet-stream")
    response.headers[_JSON_LENGTH] = str(len(document))
    return response


def _output(name: str, bundle: Bundle, predictions: list[Prediction]) -> OutputTensor:
    if name == _LABEL:
        labels = [prediction.label for prediction in predictions]
        return OutputTensor(name, "BYTES", [len(labels)], labels)
    rows = [list(prediction.scores.values()) for prediction in predictions]
    shape = [len(rows), len(bundle.metadata.labels)]
    return OutputTensor(name, "FP32", shape, [number for row in rows for number in row])


def _is_binary(wanted: WantedTensor, asked: InferRequest) -> bool:
    if wanted.parameters is not None and wanted.parameters.binary_data is not None:
        return wanted.parameters.binary_data
    return asked.parameters is not None and asked.parameters.binary_data_output


def _packed(output: OutputTensor) -> bytes:
    """The data of an output as it follows the JSON, in which its size takes its place."""
    assert isinstance(output.data, list)
    pack = tensors.pack_texts if output.datatype == "BYTES" else tensors.pack_floats
    packed = pack(output.data)
    output.data, output.parameters = UNSET, {"binary_data_size": len(packed)}
    return packed
