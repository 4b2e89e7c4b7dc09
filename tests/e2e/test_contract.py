"""The contract, held against a real server on the bundles that ship: schemathesis sends what the
document allows and what it does not, and looks at every answer."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import test_gunicorn

from service.settings import usable_cores

pytestmark = [
    *test_gunicorn.pytestmark,
    pytest.mark.skipif(
        importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed"
    ),
]

JSON = "application/json"
CONFIG = Path(__file__).parent / "schemathesis.toml"
RUN_SECONDS = 900  # about 60 on an idle machine

# Small limits, which the document names, so that what is just within and just over them is sent.
SETTINGS = {
    "MODELS_DIR": test_gunicorn.ROOT / "models",
    "THREADS": 16,
    "MAX_TEXTS": 12,
    "MAX_CHARACTERS": 120,
    "DEADLINE_SECONDS": 60,
}

serving = test_gunicorn.serving  # the fixture


def get(service, path):
    with service.connection() as connection:
        status, _, body = test_gunicorn.ask(connection, "GET", path)
    assert status == 200
    return body


def assert_alike(found, shown):
    """A bundle that is trained again answers a little otherwise."""
    if isinstance(shown, dict):
        assert found.keys() == shown.keys()
        for name, value in shown.items():
            assert_alike(found[name], value)
    elif isinstance(shown, list):
        assert len(found) == len(shown)
        for one, other in zip(found, shown, strict=True):
            assert_alike(one, other)
    elif isinstance(shown, float):
        assert found == pytest.approx(shown, abs=0.25)
    else:
        assert found == shown


def schemathesis(source, service, folder, *options):
    """Its exit status and what it says."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    address = f"http://127.0.0.1:{service.port}"
    done = subprocess.run(
        [*command, source or f"{address}/openapi.json", "--url", address, "--no-color", *options],
        cwd=folder,
        env=test_gunicorn.environment(service.port, folder) | {"NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
    )
    return done.returncode, done.stdout


def test_the_service_does_what_its_document_says(serving, tmp_path):
    with serving(**SETTINGS, WORKERS=usable_cores()) as service:  # as it comes
        status, said = schemathesis(None, service, tmp_path)
        print(said)
        assert status == 0, said
        assert "No issues found" in said
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()


def test_keys_and_limits_are_asked_for_as_the_document_says(serving, tmp_path):
    key = "k" * 32
    settings = {"API_KEYS": f"test:{key}", "RATE_LIMIT": "1000000/second"}
    options = ("--header", f"X-API-Key: {key}", "--phases", "examples")
    with serving(**SETTINGS, **settings) as service:
        status, said = schemathesis(None, service, tmp_path, *options)
        assert status == 0, said
        document = json.loads(get(service, "/openapi.json"))
        document["paths"]["/livez"]["get"]["security"] = [{"header": []}]
        lie = tmp_path / "lie.json"
        lie.write_text(json.dumps(document))
        status, said = schemathesis(str(lie), service, tmp_path, *options)
        assert status == 1, said
        assert "GET /livez" in said


def test_a_document_that_lies_is_found_out(serving, tmp_path):
    with serving(**SETTINGS) as service:
        document = json.loads(get(service, "/openapi.json"))
        document["components"]["schemas"]["Prediction"]["properties"]["tokens"]["type"] = "string"
        lie = tmp_path / "lie.json"
        lie.write_text(json.dumps(document))
        status, said = schemathesis(
            str(lie), service, tmp_path, "--phases", "examples", "--include-path", "/predict"
        )
        assert status == 1, said
        assert "Response violates schema" in said


def test_the_examples_are_what_the_bundles_that_ship_answer(serving):
    with serving(**SETTINGS) as service, service.connection() as connection:
        document = json.loads(get(service, "/openapi.json"))
        for path in ("/predict", "/explain"):
            operation = document["paths"][path]["post"]
            answers = operation["responses"]["200"]["content"][JSON]["examples"]
            requests = operation["requestBody"]["content"][JSON]["examples"]
            for key, request in requests.items():
                body, headers = json.dumps(request["value"]), {"Content-Type": JSON}
                status, _, found = test_gunicorn.ask(connection, "POST", path, body, headers)
                assert status == 200
                assert_alike(json.loads(found), answers[key]["value"])
