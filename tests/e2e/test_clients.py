"""Other people's clients against a real server with the bundles that ship.

`make e2e` installs the group `e2e` of pyproject.toml; a test whose client is not there is
skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from local_http import free_port
from test_gunicorn import COMMAND, READY_SECONDS, STOP_SECONDS, Service, environment, eventually

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]

GOOD, BAD = "A wonderful film, I loved every minute.", "This is not good at all."


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Host and port of a service with the bundles that ship."""
    port, log = free_port(), tmp_path_factory.mktemp("clients") / "log"
    settings = environment(port, ROOT / "models")
    with log.open("wb") as output:
        process = subprocess.Popen(
            COMMAND, cwd=ROOT, env=settings, stdout=output, stderr=subprocess.STDOUT
        )
    service = Service(process, port, log)
    try:
        eventually(lambda: service.status("/readyz") == 200, READY_SECONDS, service)
        yield f"127.0.0.1:{port}"
        assert "Traceback" not in log.read_text()
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# --- Hugging Face -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hub():
    return pytest.importorskip("huggingface_hub", reason="the group `e2e` is not installed")


@pytest.mark.parametrize("path", ["", "/", "/predict", "/invocations"])
def test_the_inference_client_has_all_classes(hub, address, path):
    client = hub.InferenceClient(model=f"http://{address}{path}")
    for text, label in ((GOOD, "positive"), (BAD, "negative"), ("정말 재미있어요", "positive")):
        classes = client.text_classification(text)
        assert classes[0].label == label
        assert len(classes) == 2
        assert classes[0].score > 0.5 > classes[1].score


@pytest.mark.parametrize("path", ["", "/predict"])
def test_the_inference_client_has_the_most_probable_one(hub, address, path):
    client = hub.InferenceClient(base_url=f"http://{address}{path}")
    (best,) = client.text_classification(BAD, top_k=1, function_to_apply="softmax")
    assert best.label == "negative"


def test_the_inference_client_tells_what_is_wrong(hub, address):
    client = hub.InferenceClient(model=f"http://{address}/predict")
    with pytest.raises(hub.errors.HfHubHTTPError, match="calibrated probabilities"):
        client.text_classification(BAD, function_to_apply="sigmoid")
    with pytest.raises(hub.errors.HfHubHTTPError, match="MAX_CHARACTERS"):
        client.text_classification("x" * 100_001)


# --- Triton -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def triton():
    return pytest.importorskip(
        "tritonclient.http", reason="the group `e2e` is not installed", exc_type=ImportError
    )


@pytest.fixture
def client(triton, address):
    with triton.InferenceServerClient(address) as client:
        yield client


def texts_of(triton, texts, shape=None, binary=True, name="text"):
    import numpy as np

    shape = shape or [len(texts)]
    given = triton.InferInput(name, shape, "BYTES")
    array = np.array(texts, dtype=object).reshape(shape)
    return given.set_data_from_numpy(array, binary_data=binary)


def labels_of(result):
    found = result.as_numpy("label").tolist()
    return [each.decode() if isinstance(each, bytes) else each for each in found]


def test_the_triton_client_sees_a_server(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    found = client.get_server_metadata()
    assert found["name"] == "manytone"
    assert "binary_tensor_data" in found["extensions"]


def test_the_triton_client_sees_models(client):
    assert client.is_model_ready("reviews-en")
    assert client.is_model_ready("reviews-ko", "1")
    assert not client.is_model_ready("none")
    assert not client.is_model_ready("reviews-en", "99")
    found = client.get_model_metadata("reviews-en")
    assert found == client.get_model_metadata("reviews-en", found["versions"][0])
    assert [(each["name"], each["datatype"]) for each in found["inputs"]] == [("text", "BYTES")]
    assert [each["name"] for each in found["outputs"]] == ["label", "probabilities"]


@pytest.mark.parametrize("binary_out", [True, False, None], ids=["binary", "json", "by default"])
@pytest.mark.parametrize("binary_in", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("shape", [[3], [3, 1]], ids=str)
def test_the_triton_client_has_labels_and_probabilities(
    triton, client, binary_out, binary_in, shape
):
    outputs = None
    if binary_out is not None:
        outputs = [
            triton.InferRequestedOutput(name, binary_data=binary_out)
            for name in ("label", "probabilities")
        ]
    given = texts_of(triton, [GOOD, BAD, "Ein schöner Film ☕"], shape, binary_in)
    result = client.infer("reviews-en", [given], outputs=outputs, request_id="7")
    assert labels_of(result)[:2] == ["positive", "negative"]
    probabilities = result.as_numpy("probabilities")
    assert (probabilities.shape, probabilities.dtype.name) == ((3, 2), "float32")
    assert probabilities.sum(axis=1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    order = client.get_model_metadata("reviews-en")["outputs"][1]["parameters"]["labels"]
    assert [order[row.argmax()] for row in probabilities] == labels_of(result)
    assert result.get_response()["id"] == "7"
    assert result.get_response()["model_name"] == "reviews-en"


def test_the_triton_client_has_one_output_of_a_korean_model(triton, client):
    given = texts_of(triton, ["정말 재미있어요", "시간이 아까운 영화"])
    wanted = [triton.InferRequestedOutput("label")]
    result = client.infer("reviews-ko", [given], model_version="1", outputs=wanted)
    assert labels_of(result) == ["positive", "negative"]
    assert result.as_numpy("probabilities") is None


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_the_triton_client_may_compress(triton, client, algorithm):
    result = client.infer(
        "reviews-en",
        [texts_of(triton, [GOOD, BAD])],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert labels_of(result) == ["positive", "negative"]


def test_the_triton_client_may_ask_for_no_texts(triton, client):
    result = client.infer("reviews-en", [texts_of(triton, [])])
    assert result.as_numpy("probabilities").shape == (0, 2)


def test_the_triton_client_may_have_several_requests_under_way(triton, address):
    with triton.InferenceServerClient(address, concurrency=4) as client:
        texts = [GOOD, BAD] * 8
        running = [client.async_infer("reviews-en", [texts_of(triton, [text])]) for text in texts]
        labels = [labels_of(each.get_result(timeout=30))[0] for each in running]
    assert labels == ["positive", "negative"] * 8


def test_the_triton_client_tells_what_is_wrong(triton, client):
    good = texts_of(triton, [GOOD])
    numbers = triton.InferInput("text", [1], "FP32")
    with_classes = [triton.InferRequestedOutput("probabilities", class_count=2)]
    shared = [triton.InferRequestedOutput("label")]
    shared[0].set_shared_memory("region", 64)
    cases = [
        ("none", [good], {}, "404", "No model 'none'; there are: reviews-en, reviews-ko"),
        ("reviews-en", [good], {"model_version": "9"}, "404", "No version '9'"),
        ("reviews-en", [numbers], {}, "400", "/inputs/0/datatype: Expected \"BYTES\", got 'FP32'"),
        ("reviews-en", [texts_of(triton, [GOOD], name="x")], {}, "400", 'one input called "text"'),
        ("reviews-en", [good, good], {}, "400", "got: 'text', 'text'"),
        ("reviews-en", [texts_of(triton, [GOOD] * 4, [2, 2])], {}, "400", "[N] or [N, 1]"),
        ("reviews-en", [texts_of(triton, [b"\xff"])], {}, "400", "not text in UTF-8"),
        ("reviews-en", [texts_of(triton, ["a"] * 1_001)], {}, "400", "MAX_TEXTS"),
        ("reviews-en", [texts_of(triton, ["x" * 100_001])], {}, "400", "MAX_CHARACTERS"),
        ("reviews-en", [texts_of(triton, ["x" * (5 << 20)])], {}, "413", "MAX_BODY_BYTES"),
        ("reviews-en", [good], {"outputs": with_classes}, "400", "classification extension"),
        ("reviews-en", [good], {"outputs": shared}, "400", "shared_memory_region"),
        ("reviews-en", [good], {"sequence_id": 1}, "400", "sequence_id"),
    ]
    for model, inputs, options, status, part in cases:
        with pytest.raises(triton.InferenceServerException) as raised:
            client.infer(model, inputs, **options)
        assert part in raised.value.message()
        assert raised.value.status() == status


# --- The README -------------------------------------------------------------------------------


def snippets(language):
    """The code of a language in the README's section on other clients."""
    section = (ROOT / "README.md").read_text().partition("\n## Other clients\n")[2]
    section = section.partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)


def output_of(command, address, code):
    done = subprocess.run(
        [*command, code.replace("127.0.0.1:8000", address)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(0, ""),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("code", snippets("python"), ids=lambda code: code.splitlines()[0])
def test_the_readmes_python_prints_what_its_comments_say(hub, triton, address, code):
    promised = re.findall(r"^print\(.*\)  # (.*)$", code, flags=re.MULTILINE)
    assert promised
    assert output_of([sys.executable, "-c"], address, code).splitlines() == promised


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_readmes_commands_answer(address):
    commands = [line for code in snippets("sh") for line in code.splitlines()]
    assert len(commands) == 3
    for command in commands:
        answer = json.loads(output_of(["bash", "-c"], address, command))
        best = answer["predictions"][0] if isinstance(answer, dict) else answer[0][0]
        assert best["label"] == "negative"
