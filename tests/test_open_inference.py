"""`/v2`: the Open Inference Protocol, in JSON and with binary tensors, and its errors."""

from __future__ import annotations

import gzip
import json
import struct
import tomllib
import zlib
from pathlib import Path

import pytest

from service import tensors
from service.batcher import Batcher
from service.errors import InvalidFieldError

INFER = "/v2/models/reviews-en/infer"
LENGTH = "Inference-Header-Content-Length"
TEXTS = ["A good film.", "Not bad at all! 좋다", "", "bad"]


@pytest.fixture(scope="module")
def client(make_client):
    return make_client()


def answer(response):
    assert response.status_code == 200, response.get_data()
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(response.get_data())


def assert_error(response, status, *parts):
    """The protocol's error, and not our own; gives its text."""
    assert response.status_code == status, response.get_data()
    assert response.headers["Content-Type"] == "application/json"
    document = json.loads(response.get_data())
    assert set(document) == {"error"}
    for internal in ("Traceback", "msgspec", "service/", ".py", " at 0x"):
        assert internal not in document["error"]
    for part in parts:
        assert part in document["error"]
    return document["error"]


def tensor(texts=TEXTS, **changes):
    return {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts, **changes}


def body(texts=TEXTS, **fields):
    return {"inputs": [tensor(texts)], **fields}


def packed(texts):
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def post_binary(client, document, raw, length=None, path=INFER, **headers):
    head = json.dumps(document).encode()
    headers = {LENGTH: str(len(head) if length is None else length), **headers}
    return client.post(path, data=head + raw, headers=headers)


def binary_body(texts=TEXTS, raw=None, **fields):
    """The document and the bytes behind it."""
    raw = packed(texts) if raw is None else raw
    given = tensor(texts, parameters={"binary_data_size": len(raw)})
    del given["data"]
    return {"inputs": [given], **fields}, raw


def expected(client, texts=TEXTS, model="reviews-en"):
    """Labels and probabilities as `/predict` gives them."""
    found = answer(client.post("/predict", json={"texts": list(texts), "model": model}))
    rows = [list(each["scores"].values()) for each in found["predictions"]]
    return [each["label"] for each in found["predictions"]], rows


# --- Health and metadata ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_tells_what_it_is(client, path):
    project = Path(__file__).parents[1] / "pyproject.toml"
    version = tomllib.loads(project.read_text())["project"]["version"]
    assert answer(client.get(path)) == {
        "name": "manytone",
        "version": version,
        "extensions": ["binary_tensor_data"],
    }


@pytest.mark.parametrize(
    "path",
    [
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/reviews-en/ready",
        "/v2/models/reviews-ko/versions/1/ready",
    ],
)
def test_a_healthy_worker_is_live_and_ready(client, path):
    assert True in answer(client.get(path)).values()


def test_a_draining_worker_is_live_and_not_ready(make_client):
    client = make_client()
    client.application.extensions["draining"] = lambda: True
    assert answer(client.get("/v2/health/live")) == {"live": True}
    for path in ("/v2/health/ready", "/v2/models/reviews-en/ready"):
        response = client.get(path)
        assert_error(response, 503, "stopping")
        assert int(response.headers["Retry-After"]) >= 1


def test_a_stopped_batcher_is_a_503_and_not_ready(make_client):
    batcher = Batcher()
    batcher.start()
    batcher.stop()
    client = make_client(batcher=batcher)
    assert_error(client.get("/v2/health/ready"), 503, "restart")
    response = client.post(INFER, json=body())
    assert_error(response, 503)
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", ["/v2/models/stars", "/v2/models/stars/versions/1"])
def test_a_model_tells_its_tensors_and_what_the_columns_are(client, path):
    assert answer(client.get(path)) == {
        "name": "stars",
        "versions": ["1"],
        "platform": "pytorch_torchscript",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [-1, 3],
                "parameters": {"labels": ["bad", "fair", "good"]},
            },
        ],
    }


# --- Inference in JSON ------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["reviews-en", "reviews-ko", "stars"])
def test_texts_have_labels_and_probabilities(client, model):
    labels, rows = expected(client, model=model)
    assert answer(client.post(f"/v2/models/{model}/infer", json=body())) == {
        "model_name": model,
        "model_version": "1",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [4], "data": labels},
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [4, len(rows[0])],
                "data": [number for row in rows for number in row],
            },
        ],
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"shape": [4, 1]}, id="a column"),
        pytest.param({"shape": [4, 1], "data": [[text] for text in TEXTS]}, id="lists of one"),
        pytest.param({"parameters": {"content_type": "str"}}, id="MLServer's content type"),
        pytest.param({"parameters": {}}, id="no parameters in particular"),
    ],
)
def test_a_tensor_may_be_written_in_several_ways(client, changes):
    plain = answer(client.post(INFER, json=body()))
    found = answer(client.post(INFER, json={"inputs": [tensor(**changes)]}))
    assert found == plain


def test_no_body_type_is_needed(client):
    plain = answer(client.post(INFER, json=body()))
    found = client.post(INFER, data=json.dumps(body()), content_type="application/octet-stream")
    assert answer(found) == plain
    assert answer(client.post(INFER, data=json.dumps(body()))) == plain


def test_the_id_comes_back(client):
    assert answer(client.post(INFER, json=body(id="42")))["id"] == "42"
    assert "id" not in answer(client.post(INFER, json=body()))


def test_a_version_may_be_named(client):
    plain = answer(client.post(INFER, json=body()))
    path = "/v2/models/reviews-en/versions/1/infer"
    assert answer(client.post(path, json=body())) == plain


@pytest.mark.parametrize("names", [["label"], ["probabilities"], ["probabilities", "label"]])
def test_only_the_outputs_asked_for_come_in_their_order(client, names):
    found = answer(client.post(INFER, json=body(outputs=[{"name": name} for name in names])))
    assert [output["name"] for output in found["outputs"]] == names


@pytest.mark.parametrize("outputs", [[], None])
def test_without_a_choice_all_outputs_come(client, outputs):
    found = answer(client.post(INFER, json=body(outputs=outputs)))
    assert [output["name"] for output in found["outputs"]] == ["label", "probabilities"]


def test_hints_on_time_and_order_are_taken(client):
    parameters = {"priority": 1, "timeout": 1_000_000}
    assert answer(client.post(INFER, json=body(parameters=parameters)))


def test_no_texts_have_empty_tensors(client):
    found = answer(client.post(INFER, json=body([])))
    assert [output["shape"] for output in found["outputs"]] == [[0], [0, 2]]
    assert [output["data"] for output in found["outputs"]] == [[], []]


# --- Binary tensors ---------------------------------------------------------------------------


def read_binary(response):
    """The outputs of an answer by name, as the extension says how to read them."""
    assert response.status_code == 200, response.get_data()
    assert response.headers["Content-Type"] == "application/octet-stream"
    length = int(response.headers[LENGTH])
    document, rest = json.loads(response.get_data()[:length]), response.get_data()[length:]
    found = {}
    for output in document["outputs"]:
        if "parameters" not in output:
            found[output["name"]] = output["data"]
            continue
        assert "data" not in output
        size = output["parameters"]["binary_data_size"]
        raw, rest = rest[:size], rest[size:]
        if output["datatype"] == "BYTES":
            found[output["name"]] = tensors.read_texts(raw, output["shape"][0])
        else:
            found[output["name"]] = list(struct.unpack(f"<{size // 4}f", raw))
    assert rest == b""
    return found


def test_binary_texts_have_the_same_answer(client):
    plain = answer(client.post(INFER, json=body()))
    assert answer(post_binary(client, *binary_body())) == plain


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"parameters": {"binary_data_output": True}}, id="for all"),
        pytest.param(
            {
                "outputs": [
                    {"name": name, "parameters": {"binary_data": True}}
                    for name in ("label", "probabilities")
                ]
            },
            id="for each",
        ),
    ],
)
@pytest.mark.parametrize("texts", [TEXTS, ["good"], []], ids=len)
def test_outputs_may_be_binary(client, fields, texts):
    found = read_binary(post_binary(client, *binary_body(texts, **fields)))
    labels, rows = expected(client, texts)
    assert found["label"] == labels
    assert found["probabilities"] == pytest.approx([n for row in rows for n in row], abs=1e-6)


def test_one_output_may_be_binary_and_the_other_not(client):
    outputs = [
        {"name": "label", "parameters": {"binary_data": False}},
        {"name": "probabilities"},
    ]
    fields = {"outputs": outputs, "parameters": {"binary_data_output": True}}
    found = read_binary(client.post(INFER, json=body(**fields)))
    labels, rows = expected(client)
    assert found["label"] == labels
    assert found["probabilities"] == pytest.approx([n for row in rows for n in row], abs=1e-6)


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_body_may_be_compressed(client, compress):
    coding = "gzip" if compress is gzip.compress else "deflate"
    plain = answer(client.post(INFER, json=body()))
    document, raw = binary_body()
    head = json.dumps(document).encode()
    headers = {"Content-Encoding": coding, LENGTH: str(len(head))}
    assert answer(client.post(INFER, data=compress(head + raw), headers=headers)) == plain


def test_texts_and_bytes_are_inverses():
    assert tensors.read_texts(tensors.pack_texts(TEXTS), len(TEXTS)) == TEXTS
    assert tensors.pack_texts(TEXTS) == packed(TEXTS)


def test_one_byte_less_or_more_is_refused():
    data = tensors.pack_texts(TEXTS)
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(InvalidFieldError):
            tensors.read_texts(wrong, len(TEXTS))


# --- Errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/none",
        "/v2/models/none/ready",
        "/v2/models/none/versions/1",
        "/v2/models/reviews-en/versions/2",
        "/v2/models/reviews-en/versions/2/ready",
    ],
)
def test_an_unknown_model_or_version_is_not_found(client, path):
    assert_error(client.get(path), 404, "No ", "there ")


@pytest.mark.parametrize("path", ["none/infer", "none/versions/1/infer", "stars/versions/9/infer"])
def test_an_unknown_model_or_version_reads_nothing(client, path):
    assert_error(client.post(f"/v2/models/{path}", json=body()), 404, "No ")


@pytest.mark.parametrize("path", ["/v2/x", "/v2/models", "/v2/models/reviews-en/x", "/v2/한국어"])
def test_an_unknown_path_has_the_protocols_error(client, path):
    assert_error(client.get(path), 404, "nothing at")


def test_a_wrong_method_has_the_protocols_error(client):
    response = client.get(INFER)
    assert_error(response, 405, "does not take GET")
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
    assert_error(client.post("/v2/health/live"), 405)


@pytest.mark.parametrize("path", ["/v2x", "/v1x", "/x/v2/models"])
def test_other_paths_keep_our_own_errors(client, path):
    response = client.get(path)
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("data", [b"", b"{", b"text", b'{"id": "\xff"}', b'{"inputs": [}'])
def test_what_is_not_json_is_refused(client, data):
    assert_error(client.post(INFER, data=data), 400, "not JSON", '"name": "text"')


@pytest.mark.parametrize(
    "field",
    [
        pytest.param('"x": ', id="a field that is not looked at"),
        pytest.param('"id": "", "inputs": [{"data": ', id="data"),
        pytest.param('"parameters": ', id="parameters"),
    ],
)
@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["lists", "objects"])
def test_deep_nesting_is_the_clients_fault(client, field, opening):
    assert_error(client.post(INFER, data="{" + field + opening * 100_000), 400)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        pytest.param([], "Expected an object", id="a list"),
        pytest.param({}, "`inputs`", id="nothing"),
        pytest.param({"inputs": []}, "/inputs: Expected one input", id="no input"),
        pytest.param({"inputs": [tensor(), tensor()]}, "'text', 'text'", id="two inputs"),
        pytest.param({"inputs": [tensor(name="x")]}, 'called "text"', id="another name"),
        pytest.param({"inputs": [{"name": "text"}]}, "/inputs/0: Object miss", id="only a name"),
        pytest.param(
            {"inputs": [tensor(datatype="FP32", data=[1.0])]},
            "/inputs/0/datatype: Expected \"BYTES\", got 'FP32'",
            id="another datatype",
        ),
        pytest.param({"inputs": [tensor(shape=[2, 2])]}, "[N] or [N, 1]", id="two columns"),
        pytest.param({"inputs": [tensor(shape=[1, 4])]}, "[N] or [N, 1]", id="a row"),
        pytest.param({"inputs": [tensor(shape=[])]}, "[N] or [N, 1]", id="no dimension"),
        pytest.param({"inputs": [tensor(shape=[4, 1, 1])]}, "[N] or [N, 1]", id="three"),
        pytest.param({"inputs": [tensor(shape=[-1])]}, "/inputs/0/shape/0", id="a negative one"),
        pytest.param({"inputs": [tensor(shape=["4"])]}, "/inputs/0/shape/0", id="a string in it"),
        pytest.param(
            {"inputs": [tensor(shape=[4.5])]},
            "/inputs/0/shape/0: Expected a whole number, got a number",
            id="half an element",
        ),
        pytest.param({"inputs": [tensor(shape=[3])]}, "has 3 elements, the data 4", id="fewer"),
        pytest.param({"inputs": [tensor(shape=[5])]}, "has 5 elements, the data 4", id="more"),
        pytest.param({"inputs": [tensor(data=[])]}, "has 4 elements, the data 0", id="none"),
        pytest.param({"inputs": [tensor(["good", 5])]}, "Element 1 is not a string", id="a number"),
        pytest.param(
            {"inputs": [tensor([["good", None]], shape=[2])]}, "Element 1 is not", id="null inside"
        ),
        pytest.param({"inputs": [tensor(data="good")]}, "/inputs/0/data: Exp", id="data a string"),
        pytest.param(
            {"inputs": [tensor(parameters={"content_type": "pd"})]}, 'expected "str"', id="a frame"
        ),
        pytest.param(
            {"inputs": [tensor(parameters={"shared_memory_region": "x"})]},
            "unknown field `shared_memory_region`",
            id="shared memory",
        ),
        pytest.param(
            {"inputs": [tensor(parameters={"binary_data_size": 4})]},
            'either "data" or',
            id="data twice",
        ),
        pytest.param(body(outputs=[{"name": "x"}]), "/outputs/0/name: No output 'x'", id="output"),
        pytest.param(
            body(outputs=[{"name": "label"}] * 100_000), "/outputs/1/name: 'label' is", id="twice"
        ),
        pytest.param(
            body(outputs=[{"name": "label", "parameters": {"classification": 2}}]),
            "classification extension is not served",
            id="classification",
        ),
        pytest.param(
            body(parameters={"sequence_id": 1}), "unknown field `sequence_id`", id="a sequence"
        ),
        pytest.param(body(id=5), "/id: Expected a string", id="id a number"),
        pytest.param(body(["x" * 100_001]), "MAX_CHARACTERS", id="too long"),
        pytest.param(body(["x"] * 1_001), "MAX_TEXTS", id="too many"),
    ],
)
def test_what_cannot_be_read_is_told(client, document, part):
    assert_error(client.post(INFER, json=document), 400, part)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        pytest.param({"length": 10_000}, LENGTH, id="a length over the body's"),
        pytest.param({"length": "-1"}, LENGTH, id="a negative length"),
        pytest.param({"length": "ten"}, LENGTH, id="a length in words"),
        pytest.param({"length": "9" * 5_000}, LENGTH, id="a length without end"),
        pytest.param({"length": 0}, "not JSON", id="no JSON at all"),
        pytest.param({"raw": b""}, "bytes behind the JSON, got 0", id="no bytes"),
        pytest.param({"raw": packed(TEXTS) + b"x"}, "behind the JSON, got", id="a byte more"),
    ],
)
def test_a_binary_body_that_does_not_fit_is_told(client, change, part):
    document, raw = binary_body()
    assert_error(post_binary(client, document, **{"raw": raw, **change}), 400, part)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        pytest.param(packed(TEXTS)[:-1], "ends within element 3 of 4", id="cut in a text"),
        pytest.param(packed(TEXTS)[:-5], "ends within element 3 of 4", id="cut in a length"),
        pytest.param(packed([*TEXTS, ""]), "goes on behind", id="one element more"),
        pytest.param(b"\xff" * 40, "ends within element 0", id="a length of gigabytes"),
        pytest.param(packed(TEXTS[:3]) + b"\1\0\0\0\xff", "Element 3 is not text", id="no UTF-8"),
    ],
)
def test_binary_texts_that_are_damaged_are_told(client, raw, part):
    assert_error(post_binary(client, *binary_body(raw=raw)), 400, part)


def test_bytes_behind_a_tensor_in_json_are_told(client):
    assert_error(post_binary(client, body(), b"xyz"), 400, "Expected 0 bytes", "got 3")


def test_a_tensor_without_data_is_told(client):
    given = tensor()
    del given["data"]
    assert_error(client.post(INFER, json={"inputs": [given]}), 400, 'either "data" or')


def test_limits_hold_for_binary_texts_too(client):
    assert_error(post_binary(client, *binary_body(["x" * 100_001])), 400, "MAX_CHARACTERS")
    assert_error(post_binary(client, *binary_body([""] * 1_001)), 400, "MAX_TEXTS")


@pytest.mark.parametrize(
    ("coding", "data", "status", "part"),
    [
        pytest.param("br", b"x", 415, "'br' is not known; send gzip", id="brotli"),
        pytest.param("gzip, gzip", b"x", 415, "not known", id="twice"),
        pytest.param("gzip", b"{}", 400, "is not gzip", id="not compressed"),
        pytest.param("gzip", gzip.compress(b"{}" * 99)[:-9], 400, "cut short", id="cut short"),
        pytest.param("gzip", gzip.compress(b"{}") + b"x", 400, "goes on", id="something behind"),
        pytest.param("gzip", gzip.compress(b"[" * (5 << 20)), 413, "unpacks to", id="a bomb"),
    ],
)
def test_a_compressed_body_that_cannot_be_read_is_told(client, coding, data, status, part):
    response = client.post(INFER, data=data, headers={"Content-Encoding": coding})
    assert_error(response, status, part)


def test_a_body_over_the_limit_is_refused(client):
    assert_error(client.post(INFER, data=b" " * (5 << 20)), 413, "MAX_BODY_BYTES")


def test_an_answer_that_is_late_is_a_504(make_client):
    late = make_client(deadline_seconds=-1.0)
    assert_error(late.post(INFER, json=body()), 504)


def test_a_bug_tells_the_client_nothing(make_client, caplog):
    class Broken:
        alive = True

        def submit(self, bundle, sequences, deadline):
            raise RuntimeError("secret")

    response = make_client(batcher=Broken()).post(INFER, json=body())
    assert "secret" not in assert_error(response, 500)
    assert "secret" in caplog.text
