"""`/ping` and `/invocations`: what hosts in the style of Amazon SageMaker ask."""

from __future__ import annotations

import json

import pytest
from test_errors import assert_problem

TEXTS = ["A good film.", "Slow, but good", "지루하다", ""]


@pytest.fixture(scope="module")
def client(make_client):
    return make_client()


@pytest.fixture(scope="module")
def plain(client):
    """What `/predict` answers to the texts."""
    return answer(client.post("/predict", json={"texts": TEXTS}))


def answer(response):
    assert response.status_code == 200, response.get_data()
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(response.get_data())


def send(client, data, content_type, accept=None):
    headers = {} if accept is None else {"Accept": accept}
    data = data if isinstance(data, bytes) else data.encode()
    return client.post("/invocations", data=data, content_type=content_type, headers=headers)


def test_a_healthy_worker_answers_a_ping(client):
    assert client.get("/ping").status_code == 200


def test_a_draining_worker_does_not(make_client):
    client = make_client()
    client.application.extensions["draining"] = lambda: True
    assert_problem(client.get("/ping"), 503, "overloaded")


@pytest.mark.parametrize(
    "body",
    [
        {"text": "good"},
        {"texts": ["good", "좋다"]},
        {"inputs": "good"},
        {"inputs": ["good", "좋다"], "parameters": {"top_k": 1}},
        {"text": "good", "model": "stars"},
    ],
    ids=json.dumps,
)
def test_what_predict_takes_is_answered_the_same(client, body):
    expected = answer(client.post("/predict", json=body))
    assert answer(client.post("/invocations", json=body)) == expected


def test_instances_have_predictions(client, plain):
    instances = [TEXTS[0], {"text": TEXTS[1]}, *TEXTS[2:]]
    assert answer(client.post("/invocations", json={"instances": instances})) == plain
    body = {"instances": ["good"], "model": "stars"}
    (found,) = answer(client.post("/invocations", json=body))["predictions"]
    assert found["model"] == "stars"


@pytest.mark.parametrize(
    "data",
    [
        'A good film.\n"Slow, but good"\n지루하다\n\n',
        'A good film.\r\n"Slow, but good"\r\n지루하다\r\n""',
        '\ufeffA good film.\n"Slow, but good"\n지루하다\n""\n',
    ],
    ids=["plain", "from Windows", "with a byte order mark"],
)
def test_csv_has_a_text_in_each_row(client, plain, data):
    assert answer(send(client, data, "text/csv")) == plain
    assert answer(send(client, data, "text/csv; charset=utf-8")) == plain


def test_a_text_in_csv_may_have_lines_and_quotes(client):
    text = 'He said "good",\nand left.'
    plain = answer(client.post("/predict", json={"texts": [text]}))
    assert answer(send(client, '"He said ""good"",\nand left."\n', "text/csv")) == plain


def test_json_lines_have_a_text_in_each_line(client, plain):
    lines = [json.dumps(TEXTS[0]), json.dumps({"text": TEXTS[1]}), *map(json.dumps, TEXTS[2:])]
    assert answer(send(client, "\n".join(lines), "application/jsonlines")) == plain
    assert answer(send(client, "\n".join(lines) + "\n", "application/jsonlines")) == plain


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"texts": TEXTS}, "predictions", id="texts"),
        pytest.param({"instances": TEXTS}, "predictions", id="instances"),
        pytest.param({"inputs": TEXTS}, None, id="inputs"),
    ],
)
def test_answers_may_come_in_lines(client, body, field):
    expected = answer(client.post("/invocations", json=body))
    response = send(client, json.dumps(body), "application/json", "application/jsonlines")
    assert response.headers["Content-Type"] == "application/jsonlines"
    lines = [json.loads(line) for line in response.get_data().splitlines()]
    assert lines == (expected[field] if field else expected)


@pytest.mark.parametrize("body", ['{"text": "good"}', '{"inputs": "good"}'])
def test_one_answer_is_one_line(client, body):
    expected = answer(client.post("/invocations", json=json.loads(body)))
    response = send(client, body, "application/json", "application/jsonlines")
    assert [json.loads(line) for line in response.get_data().splitlines()] == [expected]


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/csv, application/json;q=0.5"])
def test_json_is_what_others_get_who_take_it(client, accept):
    assert answer(send(client, '{"text": "good"}', "application/json", accept))


def test_an_accept_that_takes_long_to_read_is_refused(client):
    response = send(client, '{"text": "good"}', "application/json", "a/" + " " * 60_000 + "b")
    document = assert_problem(response, 406, "not-acceptable")
    assert "60,003 characters" in document["detail"]


def test_rows_without_end_are_counted_and_not_kept(client):
    response = send(client, "\n" * 1_000_000, "text/csv")
    document = assert_problem(response, 422, "invalid-field", "")
    assert document["detail"].startswith("1,000,000 texts;")


def test_who_takes_nothing_of_ours_is_told_what_there_is(client):
    response = send(client, '{"text": "good"}', "application/json", "text/csv")
    document = assert_problem(response, 406, "not-acceptable")
    assert "application/jsonlines" in document["detail"]


@pytest.mark.parametrize(
    ("data", "pointer", "part"),
    [
        pytest.param("good\nSlow, but good", "/1", "Row 2 has 2 columns", id="two columns"),
        pytest.param('"good', "", "not CSV", id="an open quote"),
        pytest.param('"good" film', "", "not CSV", id="something behind a quote"),
        pytest.param(b"sch\xf6n", "", "not text in UTF-8", id="Latin-1"),
        pytest.param("good\n" + "x" * 200_000, "/1", "MAX_CHARACTERS", id="too long"),
        pytest.param("good\n" * 1_001, "", "MAX_TEXTS", id="too many"),
    ],
)
def test_csv_that_cannot_be_read_is_told(client, data, pointer, part):
    document = assert_problem(send(client, data, "text/csv"), 422, "invalid-field", pointer)
    assert part in document["detail"]


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        pytest.param('"good"\n5', "/1", id="a number"),
        pytest.param('{"text": 5}', "/0/text", id="text a number"),
        pytest.param('{"inputs": "good"}', "/0", id="another field"),
    ],
)
def test_lines_that_are_no_texts_are_pointed_at(client, data, pointer):
    response = send(client, data, "application/jsonlines")
    assert_problem(response, 422, "invalid-field", pointer)


def test_lines_that_are_not_json_are_told(client):
    document = assert_problem(send(client, "good\n", "application/jsonlines"), 400, "not-json")
    assert '{"text": "…"} in each line' in document["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"instances": ["good"], "text": "good"}, "", id="two forms"),
        pytest.param({"instances": ["good"], "parameters": {}}, "", id="parameters"),
        pytest.param({"instances": 5}, "/instances", id="a number"),
        pytest.param({"instances": [5]}, "/instances/0", id="a number in it"),
        pytest.param({"instances": ["good"], "model": "none"}, "/model", id="an unknown model"),
        pytest.param({"text": "good", "texts": []}, "", id="text and texts"),
    ],
)
def test_a_wrong_field_is_pointed_at(client, body, pointer):
    assert_problem(client.post("/invocations", json=body), 422, "invalid-field", pointer)


def test_another_media_type_is_told(client):
    assert_problem(send(client, "good", "application/x-npy"), 415, "media-type")
