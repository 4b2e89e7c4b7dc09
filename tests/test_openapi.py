"""`/openapi.json` and `/docs`: the contract is complete, and it is what the service does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path

import pytest
from flask import Response
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from service import __version__, connection
from service.app import create_app
from service.batcher import Batcher
from service.contract import reader
from service.contract.description import JSON, Answer, Refusal
from service.contract.document import all_errors, openapi
from service.contract.operations import OPERATIONS
from service.contract.refusals import CONNECTION, REFUSALS
from service.errors import DeadlineError, OverloadedError, RequestError
from service.registry import Registry
from service.routes import contract
from service.settings import Rate, Settings

ROOT = Path(__file__).parent.parent
SETTINGS = Settings(device="cpu", deadline_seconds=60, max_texts=3, max_characters=40)


@pytest.fixture(scope="module")
def registry(models_dir):
    return Registry.from_folder(models_dir, "cpu", "reviews-en")


@pytest.fixture(scope="module")
def batcher():
    batcher = Batcher()
    batcher.start()
    yield batcher
    batcher.stop()


@pytest.fixture
def app(registry, batcher):
    return create_app(SETTINGS, registry=registry, batcher=batcher)


@pytest.fixture(scope="module")
def client(registry, batcher):
    return create_app(SETTINGS, registry=registry, batcher=batcher).test_client()


@pytest.fixture(scope="module")
def document(client):
    response = client.get("/openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(response.get_data())


class FailingBatcher:
    alive = True

    def __init__(self, error):
        self._error = error

    def submit(self, bundle, sequences, deadline):
        raise self._error


def routes_of(app):
    """Every method and path that the application has, but for those that Flask adds."""
    return {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def ask(client, method, path, example):
    """Send an example."""
    text = example.sent != JSON
    data = example.request if text else json.dumps(example.request)
    return client.open(
        path,
        method=method,
        data=None if example.request is None else data,
        content_type=None if example.request is None else example.sent,
        headers={"Accept": example.accept} if example.accept else {},
    )


def described(document):
    return {(method, path) for path, methods in document["paths"].items() for method in methods}


def shown(document, method, path):
    return document["paths"][path][method]


def errors_of(document, schema, value):
    """What a JSON Schema of the document has against a value."""
    root = {"components": document["components"], "allOf": [schema]}
    return [error.message for error in Draft202012Validator(root).iter_errors(value)]


def response_of(document, operation, status):
    found = operation["responses"][str(status)]
    if "$ref" in found:
        found = document["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return found


def assert_conforms(document, operation, response):
    """Status, media type, headers and body are as the operation says."""
    described = response_of(document, operation, response.status_code)
    body = response.get_data(as_text=True)
    if "content" in described:
        content = described["content"][response.mimetype]
        value = json.loads(body) if response.mimetype.endswith("json") else body
        assert errors_of(document, content["schema"], value) == []
    else:
        assert body == ""
    for name in described.get("headers", ()):
        if document["components"]["headers"][name].get("required"):
            assert name in response.headers


# --- It is complete ---------------------------------------------------------------------------


def test_the_document_is_openapi_3_1(document):
    assert document["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_described_and_every_described_one_is_there(app, document):
    assert described(document) == routes_of(app)


def test_a_route_that_nobody_described_would_be_seen(app):
    app.add_url_rule("/new/<int:number>", view_func=lambda number: "", methods=["PUT"])
    document = json.loads(app.test_client().get("/openapi.json").get_data())
    assert routes_of(app) - described(document) == {("put", "/new/{number}")}


def test_every_field_has_a_description(document):
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, part in schema["properties"].items()
        if not part.get("description")
    ]
    assert bare == []


def test_every_operation_has_an_example_and_a_name_of_its_own():
    assert [operation.name for operation in OPERATIONS if not operation.examples] == []
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_every_error_is_in_the_document_with_its_status(document):
    for error in (*RequestError.__subclasses__(), *REFUSALS):
        refusal = Refusal.of(error)
        assert refusal.when
        response = document["components"]["responses"][f"Problem{refusal.status}"]
        assert f"`{refusal.code}`: " in response["description"]
        assert refusal.code in response["content"]["application/problem+json"]["examples"]
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert codes == sorted(error.code for error in all_errors())


def test_an_error_says_when_it_comes_by_its_first_paragraph():
    assert Refusal.of(OverloadedError).when.endswith("says when to come back.")
    assert Refusal.of(REFUSALS[0]) is REFUSALS[0]


def test_the_version_is_that_of_the_project_and_of_the_image(document):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert document["info"]["version"] == __version__ == project["version"]
    assert f'image.version="{__version__}"' in (ROOT / "Dockerfile").read_text()


# --- It says what the service does ------------------------------------------------------------


def test_limits_are_those_of_the_settings(document):
    fields = document["components"]["schemas"]["PredictRequest"]["properties"]
    assert fields["text"]["maxLength"] == 40
    assert fields["texts"]["maxItems"] == 3
    assert fields["texts"]["items"]["maxLength"] == 40
    body = shown(document, "post", "/predict")["requestBody"]
    assert body["description"] == "At most MAX_BODY_BYTES (4,194,304) bytes."
    late = document["components"]["responses"]["Problem504"]
    assert "DEADLINE_SECONDS (60)" in late["description"]


def test_models_are_those_that_are_served(document):
    name = shown(document, "get", "/models/{name}")["parameters"][0]
    assert name["schema"]["enum"] == ["reviews-en", "reviews-ko"]


@dataclass
class Named:
    """As much of a bundle as the contract looks at."""

    name: str
    version: str = "1"

    @property
    def metadata(self):
        return self


def test_the_document_follows_the_bundles_that_are_served(app):
    served = [Named("one")]
    blueprint = contract.blueprint(served, SETTINGS)
    app.register_blueprint(blueprint, name="moving", url_prefix="/moving")
    client = app.test_client()

    def names():
        document = json.loads(client.get("/moving/openapi.json").get_data())
        return shown(document, "get", "/models/{name}")["parameters"][0]["schema"]["enum"]

    assert names() == ["one"]
    served.append(Named("two", version="2"))
    assert names() == ["one", "two"]
    document = json.loads(client.get("/moving/openapi.json").get_data())
    version = shown(document, "get", "/v1/models/{name}/versions/{version}")["parameters"][1]
    assert version["schema"]["enum"] == ["1", "2"]


FORMS = [
    pytest.param({"text": "good"}, id="a text"),
    pytest.param({"texts": ["good", "좋다"]}, id="texts"),
    pytest.param({"texts": []}, id="no texts"),
    pytest.param({"text": "good", "model": None}, id="no model"),
    pytest.param({"text": "good", "model": "reviews-ko"}, id="a model"),
    pytest.param({"text": "👍" * 40}, id="just the most characters"),
    pytest.param({"texts": ["", "", ""]}, id="just the most texts"),
    pytest.param({}, id="no field"),
    pytest.param({"model": "reviews-en"}, id="only a model"),
    pytest.param({"text": "good", "texts": []}, id="both fields"),
    pytest.param({"text": "good", "model": "none"}, id="an unknown model"),
    pytest.param({"text": "good", "lang": "en"}, id="an unknown field"),
    pytest.param({"text": None}, id="text null"),
    pytest.param({"texts": ["good", 5]}, id="a number among the texts"),
    pytest.param({"texts": [""] * 4}, id="a text too many"),
    pytest.param({"text": "x" * 41}, id="a character too many"),
    pytest.param({"texts": ["x" * 41]}, id="a character too many in a list"),
    pytest.param([], id="a list"),
    pytest.param(None, id="null"),
    pytest.param({"inputs": "good"}, id="inputs"),
    pytest.param({"inputs": ["good", ["좋다"]]}, id="inputs in a list"),
    pytest.param({"inputs": []}, id="no inputs"),
    pytest.param({"inputs": [["good", "bad"]]}, id="a pair"),
    pytest.param({"inputs": [""] * 4}, id="an input too many"),
    pytest.param({"inputs": "x" * 41}, id="a character too many in inputs"),
    pytest.param({"inputs": "good", "text": "good"}, id="inputs and a text"),
    pytest.param({"inputs": "good", "parameters": None}, id="parameters null"),
    pytest.param({"inputs": "good", "parameters": {"top_k": 1}}, id="top_k"),
    pytest.param({"inputs": "good", "parameters": {"top_k": 1.0}}, id="top_k as some write it"),
    pytest.param({"inputs": "good", "parameters": {"top_k": 1.5}}, id="a label and a half"),
    pytest.param({"inputs": "good", "parameters": {"top_k": 0}}, id="no label"),
    pytest.param({"inputs": "good", "parameters": {"k": 1}}, id="an unknown parameter"),
    pytest.param(
        {"inputs": "good", "parameters": {"function_to_apply": "softmax"}}, id="probabilities"
    ),
    pytest.param({"inputs": "good", "parameters": {"function_to_apply": "none"}}, id="logits"),
    pytest.param({"inputs": "good", "raw_scores": False, "truncate": True}, id="options"),
    pytest.param({"inputs": "good", "raw_scores": True}, id="raw scores"),
    pytest.param({"text": "good", "parameters": {}}, id="parameters of a text"),
    pytest.param({"texts": ["good"], "truncate": True}, id="an option of texts"),
    pytest.param({"instances": ["good", {"text": "좋다"}]}, id="instances"),
    pytest.param({"instances": ["good"], "model": "reviews-ko"}, id="instances and a model"),
    pytest.param({"instances": ["good"], "signature_name": "serving_default"}, id="a signature"),
    pytest.param({"instances": ["good"], "signature_name": "other"}, id="another signature"),
    pytest.param({"instances": ["good"], "text": "good"}, id="instances and a text"),
    pytest.param({"instances": ["good"], "parameters": {}}, id="parameters of instances"),
    pytest.param({"instances": [{"text": "x" * 41}]}, id="a character too many in an instance"),
    pytest.param({"instances": [{"b64": "eA=="}]}, id="an instance without a text"),
    pytest.param({"instances": [""] * 4}, id="an instance too many"),
]


@pytest.mark.parametrize(
    "path", ["/predict", "/explain", "/", "/invocations", "/v1/models/{name}:predict"]
)
@pytest.mark.parametrize("body", FORMS)
def test_what_the_document_allows_is_answered_and_nothing_else(client, document, path, body):
    operation = shown(document, "post", path)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    response = client.post(path.format(name="reviews-en"), json=body)
    assert (errors_of(document, schema, body) == []) == (response.status_code == 200)
    assert_conforms(document, operation, response)


def tensor(**changes):
    return {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["good"], **changes}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"inputs": [tensor()]}, id="a text"),
        pytest.param({"inputs": [tensor(shape=[1, 1], data=[["good"]])]}, id="a column"),
        pytest.param({"inputs": [tensor()], "id": "7", "outputs": [{"name": "label"}]}, id="label"),
        pytest.param({"inputs": [tensor(parameters={"content_type": "str"})]}, id="MLServer's"),
        pytest.param({"inputs": []}, id="no input"),
        pytest.param({"inputs": [tensor(), tensor()]}, id="two inputs"),
        pytest.param({"inputs": [tensor(name="ids")]}, id="another name"),
        pytest.param({"inputs": [tensor(datatype="FP32")]}, id="another type"),
        pytest.param({"inputs": [tensor(shape=[-1])]}, id="less than no text"),
        pytest.param({"inputs": [tensor(shape=[1, 1, 1])]}, id="three axes"),
        pytest.param({"inputs": [tensor(data=[5])]}, id="a number"),
        pytest.param({"inputs": [tensor()], "outputs": [{"name": "logits"}]}, id="another output"),
        pytest.param(
            {
                "inputs": [tensor()],
                "outputs": [{"name": "label", "parameters": {"classification": 2}}],
            },
            id="classification",
        ),
    ],
)
def test_tensors_are_answered_as_the_document_allows(client, document, body):
    operation = shown(document, "post", "/v2/models/{name}/infer")
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    response = client.post("/v2/models/reviews-en/infer", json=body)
    assert (errors_of(document, schema, body) == []) == (response.status_code == 200)
    assert_conforms(document, operation, response)


def test_tensors_as_bytes_are_answered_as_the_document_says(client, document):
    body = {"inputs": [tensor()], "parameters": {"binary_data_output": True}}
    response = client.post("/v2/models/reviews-en/infer", json=body)
    assert response.mimetype == "application/octet-stream"
    operation = shown(document, "post", "/v2/models/{name}/infer")
    described = response_of(document, operation, 200)
    assert response.mimetype in described["content"]
    assert "Inference-Header-Content-Length" in response.headers
    assert "Inference-Header-Content-Length" in described["headers"]


def test_lines_are_answered_as_the_document_says(client, document):
    operation = shown(document, "post", "/invocations")
    for accept in ("application/jsonlines", "text/csv"):
        response = client.post("/invocations", json={"text": "good"}, headers={"Accept": accept})
        assert_conforms(document, operation, response)


def test_who_has_the_page_is_told_so_as_the_document_says(client, document):
    for path in ("/", "/page/page.js"):
        operation = shown(document, "get", "/page/{name}" if path != "/" else path)
        assert "If-None-Match" in [p.get("name") for p in operation["parameters"]]
        etag = client.get(path).headers["ETag"]
        response = client.get(path, headers={"If-None-Match": etag})
        assert response.status_code == 304
        assert_conforms(document, operation, response)


EXAMPLES = [
    pytest.param(operation, example, id=f"{operation.name} {example.key}")
    for operation in OPERATIONS
    for example in operation.examples
]


@pytest.mark.parametrize(("operation", "example"), EXAMPLES)
def test_an_example_is_answered_as_the_document_says(registry, batcher, operation, example):
    settings = replace(SETTINGS, max_characters=1_000)
    client = create_app(settings, registry=registry, batcher=batcher).test_client()
    document = json.loads(client.get("/openapi.json").get_data())
    path = operation.path.format(**(example.path or {}))
    response = ask(client, operation.method, path, example)
    assert response.status_code == 200
    assert_conforms(document, shown(document, operation.method, operation.path), response)


@pytest.mark.parametrize(("operation", "example"), EXAMPLES)
def test_an_examples_answer_is_one_by_the_schema(document, operation, example):
    answer = response_of(document, shown(document, operation.method, operation.path), 200)
    if not operation.answer.types:
        assert (example.answer, "content" in answer) == (None, False)
        return
    content = answer["content"][example.accept or operation.answer.media_type]
    value = content["examples"][example.key]["value"]
    assert errors_of(document, content["schema"], value) == []


def test_a_route_may_answer_without_a_body():
    livez = next(operation for operation in OPERATIONS if operation.name == "livez")
    bare = replace(livez, answer=Answer("It is there.", types=()))
    document = openapi([bare], SETTINGS, {"reviews-en": "1"})
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert "content" not in shown(document, bare.method, bare.path)["responses"]["200"]
    assert "It is there." in reader.page(document)


def test_an_examples_problem_is_one_by_the_schema(document):
    for response in document["components"]["responses"].values():
        (content,) = response["content"].values()
        for example in content["examples"].values():
            assert errors_of(document, content["schema"], example["value"]) == []


def test_the_example_of_a_wrong_field_is_what_the_service_says(client, document):
    example = document["components"]["responses"]["Problem422"]["content"]
    example = example["application/problem+json"]["examples"]["invalid-field"]["value"]
    response = client.post("/predict", json={"texts": ["good", 5]})
    assert json.loads(response.get_data()) == example


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        pytest.param(b"{", "application/json", 400, id="not JSON"),
        pytest.param(b"x" * (5 << 20), "application/json", 413, id="too large"),
        pytest.param(b"good", "text/plain", 415, id="no JSON by its type"),
    ],
)
def test_a_refusal_is_as_the_document_says(client, document, body, content_type, status):
    response = client.post("/predict", data=body, content_type=content_type)
    assert response.status_code == status
    assert_conforms(document, shown(document, "post", "/predict"), response)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(OverloadedError("later"), 503, id="overloaded"),
        pytest.param(DeadlineError("too late"), 504, id="late"),
        pytest.param(RuntimeError("a bug"), 500, id="a bug"),
    ],
)
def test_a_failure_is_as_the_document_says(registry, document, error, status):
    client = create_app(SETTINGS, registry=registry, batcher=FailingBatcher(error)).test_client()
    response = client.post("/predict", json={"text": "good"})
    assert response.status_code == status
    assert_conforms(document, shown(document, "post", "/predict"), response)


@pytest.mark.parametrize(("method", "path", "status"), [("get", "/no", 404), ("put", "/docs", 405)])
def test_what_flask_refuses_is_as_the_document_says(client, document, method, path, status):
    response = client.open(path, method=method)
    assert response.status_code == status
    refused = {"responses": {str(status): document["components"]["responses"][f"Problem{status}"]}}
    assert_conforms(document, refused, response)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/v2/models/none", 404, id="an unknown model"),
        pytest.param("/v1/models/reviews-en/versions/9", 404, id="an unknown version"),
        pytest.param("/v1/models/reviews-en:predict", 405, id="another method"),
    ],
)
def test_a_refusal_of_the_protocols_is_as_the_document_says(client, document, path, status):
    response = client.get(path)
    assert response.status_code == status
    found = document["components"]["responses"][f"PlainError{status}"]
    assert_conforms(document, {"responses": {str(status): found}}, response)


@pytest.mark.parametrize("refusal", CONNECTION, ids=lambda refusal: refusal.code)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/predict"),
        ("post", "/v1/models/{name}:predict"),
        ("post", "/v2/models/{name}/infer"),
    ],
)
def test_what_a_connection_refuses_is_as_the_document_says_on_every_path(
    document, method, path, refusal
):
    sent = connection.problem(HTTPStatus(refusal.status), refusal.code, "It is refused.")
    head, _, body = sent.partition(b"\r\n\r\n")
    (media_type,) = re.findall(rb"Content-Type: (\S+)", head)
    response = Response(body, refusal.status, content_type=media_type.decode())
    assert_conforms(document, shown(document, method, path), response)


# --- Keys and limits --------------------------------------------------------------------------

KEY = "k" * 32
OPEN = {
    ("get", path)
    for path in (
        *("/", "/page/{name}", "/docs", "/openapi.json"),
        *("/livez", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready"),
    )
}


def with_settings(registry, batcher, **settings):
    """A client, and the document that it is shown."""
    client = create_app(
        replace(SETTINGS, **settings), registry=registry, batcher=batcher
    ).test_client()
    return client, json.loads(client.get("/openapi.json").get_data())


@pytest.mark.parametrize("keys", [f"team:{KEY}", ""])
def test_the_document_says_what_needs_a_key(registry, batcher, keys):
    client, document = with_settings(registry, batcher, api_keys=keys)
    either = [{"bearer": []}, {"header": []}]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            wanted = [] if (method, path) in OPEN else either if keys else [{}, *either]
            assert operation["security"] == wanted
            response = client.open(path, method=method)
            assert (response.status_code == 401) == (bool(keys) and (method, path) not in OPEN)
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}


@pytest.mark.parametrize("header", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}])
def test_each_way_to_send_a_key_lets_in(registry, batcher, header):
    client, document = with_settings(registry, batcher, api_keys=f"team:{KEY}")
    response = client.get("/models", headers=header)
    assert response.status_code == 200
    assert_conforms(document, shown(document, "get", "/models"), response)


@pytest.mark.parametrize("path", ["/models", "/v2/models/{name}", "/v1/models/{name}"])
def test_who_has_no_key_or_asks_too_often_is_refused_as_the_document_says(registry, batcher, path):
    client, document = with_settings(
        registry, batcher, api_keys=f"team:{KEY}", rate_limit=(Rate(1, 86_400),)
    )
    operation = shown(document, "get", path)
    for key, status in (("", 401), (KEY, 200), (KEY, 429)):
        response = client.get(path.format(name="reviews-en"), headers={"X-API-Key": key})
        assert response.status_code == status
        assert_conforms(document, operation, response)
        counted = "RateLimit-Limit" in response.headers
        assert counted == (status != 401)
        assert ("RateLimit-Limit" in response_of(document, operation, status)["headers"]) == counted


def test_the_document_names_the_limit_and_never_a_key(registry, batcher):
    settings = replace(SETTINGS, api_keys=f"team:{KEY}", rate_limit=(Rate(1, 60), Rate(9, 3_600)))
    mention = replace(OPERATIONS[0], description="API_KEYS, API_KEYS_FILE, RATE_LIMIT_STORAGE.")
    document = openapi([mention], settings, {"reviews-en": "1"})
    assert "RATE_LIMIT (1/minute; 9/hour)" in document["info"]["description"]
    assert shown(document, "post", "/predict")["description"] == mention.description
    assert KEY not in json.dumps(document)


def test_an_answer_that_is_not_as_the_document_says_would_be_seen(client, document):
    operation = shown(document, "get", "/models/{name}")
    response = client.get("/models/reviews-en")
    response.set_data(response.get_data().replace(b'"labels":', b'"lables":'))
    with pytest.raises(AssertionError, match="'labels' is a required property"):
        assert_conforms(document, operation, response)


# --- The reader -------------------------------------------------------------------------------


class Page(HTMLParser):
    """Elements, attributes, and what stands in `<style>`."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.style, self._in_style = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_data(self, data):
        self.style += data if self._in_style else ""

    def handle_endtag(self, tag):
        self._in_style = False

    def all(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def test_the_page_asks_for_nothing_and_runs_nothing(client):
    response = client.get("/docs")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page(response.get_data(as_text=True))
    assert {"script", "link", "img", "iframe", "object"} & {
        tag for tag, _ in page.elements
    } == set()
    assert [name for _, found in page.elements for name in found if name.startswith("on")] == []
    assert page.all("src") == page.all("style") == []
    assert {href for href in page.all("href") if not href.startswith("#")} == {"openapi.json"}


def test_the_pages_policy_allows_its_own_style_and_nothing_else(client):
    response = client.get("/docs")
    page = Page(response.get_data(as_text=True))
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", f"style-src 'sha256-{digest}'"} <= set(policy)
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "@import" not in page.style
    assert "url(" not in page.style


def test_the_page_shows_every_operation_error_field_and_limit(client, document):
    text = client.get("/docs").get_data(as_text=True)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f"<code>{path}</code> {operation['summary']}" in text
    for error in all_errors():
        assert f"<code>{error.code}</code>" in text
    for schema in document["components"]["schemas"].values():
        for field in schema["properties"]:
            assert f'<th scope="row"><code>{field}</code></th>' in text
    assert "string (at most 40 characters)" in text
    assert "number (at least 0, at most 1)" in text


def test_every_link_of_the_page_leads_somewhere(client):
    page = Page(client.get("/docs").get_data(as_text=True))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.all("href") if href.startswith("#")} <= set(ids)
    assert set(page.all("aria-labelledby")) <= set(ids)


def test_the_page_shows_commands_for_the_address_it_was_asked_at(client):
    text = client.get("/docs", base_url="http://reviews.example:81").get_data(as_text=True)
    assert "curl -s &#39;http://reviews.example:81/predict&#39; -H" in text
    assert "curl -s &#39;http://reviews.example:81/models/reviews-en&#39;" in text
    other = client.get("/docs", base_url="http://[::1]:82").get_data(as_text=True)
    assert "curl -s &#39;http://[::1]:82/predict&#39; -H" in other
    assert "BASE" not in text


def test_what_stands_in_the_document_is_text_on_the_page():
    document = openapi(OPERATIONS, SETTINGS, {"<script>alert(1)</script>": "1"})
    text = reader.at("http://x/'><script>", reader.page(document))
    assert "http://x/&#39;\\&#39;&#39;&gt;" in text  # the quotation mark ends no argument
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
