"""`/v1/models/…`: version 1 of the inference protocol, as TensorFlow Serving and KServe speak it.

https://www.tensorflow.org/tfx/serving/api_rest
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import Meta
from werkzeug.routing import BaseConverter

from service.bundle import Bundle
from service.errors import InvalidFieldError
from service.predictor import Predictor
from service.registry import Registry
from service.routes.body import Text, any_body, check_count, check_text, decoded, json_response
from service.routes.predict import PredictResponse
from service.routes.protocols import answer_errors, find_model
from service.settings import Settings

_SIGNATURE = "serving_default"


class Instance(msgspec.Struct, forbid_unknown_fields=True):
    """A text by name."""

    text: Text


Instances = Annotated[
    list[Text | Instance],
    Meta(description="Texts in any languages.", extra_json_schema={"maxItems": "MAX_TEXTS"}),
]


class InstancesRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Texts for one model."""

    instances: Instances
    signature_name: Annotated[
        str,
        Meta(
            description="TensorFlow Serving's clients may send it; there is one.",
            extra_json_schema={"const": _SIGNATURE},
        ),
    ] = _SIGNATURE


class ModelNames(msgspec.Struct):
    """What is served."""

    models: Annotated[list[str], Meta(description="The bundles' names.")]


class VersionError(msgspec.Struct, frozen=True):
    """TensorFlow Serving's word on what keeps a version from being served."""

    error_code: Annotated[str, Meta(description="`OK`.")] = "OK"
    error_message: Annotated[str, Meta(description="Empty.")] = ""


class VersionStatus(msgspec.Struct):
    """A version that is served."""

    version: Annotated[str, Meta(description="Of the bundle, as its maker counts.")]
    state: Annotated[str, Meta(description="`AVAILABLE`.")] = "AVAILABLE"
    status: Annotated[VersionError, Meta(description="Nothing is wrong.")] = VersionError()


class ModelStatus(msgspec.Struct):
    """KServe's answer and TensorFlow Serving's in one."""

    name: Annotated[str, Meta(description="The bundle's.")]
    ready: Annotated[bool, Meta(description="Whether it answers.")]
    model_version_status: Annotated[list[VersionStatus], Meta(description="There is one.")]


class _Part(BaseConverter):
    """Of a path, without the colon: behind that stands what is asked of a model.

    Otherwise `GET /v1/models/NAME:predict` would be the status of a model called so.
    """

    regex = "[^/:]+"
    part_isolating = True


_decoder = msgspec.json.Decoder(InstancesRequest)


def blueprint(
    predictor: Predictor, registry: Registry, settings: Settings, check_ready: Callable[[], None]
) -> Blueprint:
    """
    Args:
        check_ready: raises an `OverloadedError` where requests should not be sent here.
    """
    routes = Blueprint("v1", __name__)
    answer_errors(routes, "/v1")
    routes.record_once(lambda state: state.app.url_map.converters.update(part=_Part))

    @routes.get("/v1/models")
    def models() -> Response:
        return json_response(ModelNames([bundle.metadata.name for bundle in registry]))

    @routes.get("/v1/models/<part:name>")
    @routes.get("/v1/models/<part:name>/versions/<part:version>")
    def model(name: str, version: str | None = None) -> Response:
        bundle = find_model(registry, name, version)
        check_ready()
        return json_response(_status(bundle))

    @routes.post("/v1/models/<part:name>:predict")
    @routes.post("/v1/models/<part:name>/versions/<part:version>:predict")
    def predict(name: str, version: str | None = None) -> Response:
        bundle = find_model(registry, name, version)
        # The body's type is not looked at: TensorFlow Serving does not, and `curl -d` names a form.
        asked = decoded(_decoder, any_body(), example='{"instances": ["…", {"text": "…"}]}')
        if asked.signature_name != _SIGNATURE:
            raise InvalidFieldError(
                f'A model has one signature: expected "{_SIGNATURE}", or nothing.',
                "/signature_name",
            )
        texts = texts_of(asked.instances, settings)
        return json_response(PredictResponse(predictor.predict(texts, bundle)))

    return routes


def texts_of(instances: Instances, settings: Settings, pointer: str = "/instances") -> list[str]:
    """
    Args:
        pointer: where the list is in the document.

    Raises:
        InvalidFieldError: there are too many, or one is too long.
    """
    check_count(len(instances), settings, pointer)
    texts = []
    for place, instance in enumerate(instances):
        inside, text = (
            ("/text", instance.text) if isinstance(instance, Instance) else ("", instance)
        )
        check_text(text, f"{pointer}/{place}{inside}", settings)
        texts.append(text)
    return texts


def _status(bundle: Bundle) -> ModelStatus:
    return ModelStatus(bundle.metadata.name, True, [VersionStatus(bundle.metadata.version)])
