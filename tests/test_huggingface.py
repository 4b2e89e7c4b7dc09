"""`inputs`: what Hugging Face's clients and text-embeddings-inference send and expect."""

from __future__ import annotations

import json

import pytest
from test_errors import assert_problem


@pytest.fixture(scope="module")
def client(make_client):
    return make_client()


def answer(response):
    assert response.status_code == 200, response.get_data()
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(response.get_data())


def assert_classes(row, labels=("negative", "positive")):
    assert all(set(each) == {"label", "score"} for each in row)
    assert {each["label"] for each in row} == set(labels)
    scores = [each["score"] for each in row]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)


def test_a_text_has_its_classes_as_text_embeddings_inference_answers(client):
    row = answer(client.post("/predict", json={"inputs": "A good film."}))
    assert_classes(row)
    plain = answer(client.post("/predict", json={"text": "A good film."}))
    assert {each["label"]: each["score"] for each in row} == plain["scores"]
    assert row[0]["label"] == plain["label"]


@pytest.mark.parametrize("parameters", [{}, None, {"top_k": 2}, {"top_k": None}])
def test_a_text_with_parameters_is_in_a_list_as_the_clients_expect(client, parameters):
    alone = answer(client.post("/predict", json={"inputs": "A good film."}))
    body = {"inputs": "A good film.", "parameters": parameters}
    assert answer(client.post("/predict", json=body)) == [alone]


@pytest.mark.parametrize("parameters", [{}, {"parameters": {}}, {"truncate": True}])
def test_the_address_alone_answers_a_list_of_rows(client, parameters):
    alone = answer(client.post("/predict", json={"inputs": "A good film."}))
    assert answer(client.post("/", json={"inputs": "A good film.", **parameters})) == [alone]


@pytest.mark.parametrize("path", ["/", "/predict"])
@pytest.mark.parametrize("parameters", [{}, {"parameters": {}}])
def test_texts_have_a_row_each_in_order(client, path, parameters):
    texts = ["A good film.", "지루하다", ""]
    rows = answer(client.post(path, json={"inputs": texts, **parameters}))
    plain = answer(client.post("/predict", json={"texts": texts}))["predictions"]
    for row, prediction in zip(rows, plain, strict=True):
        assert_classes(row)
        assert {each["label"]: each["score"] for each in row} == prediction["scores"]


def test_a_batch_of_lists_of_one_text_is_a_batch(client):
    texts = ["A good film.", "지루하다"]
    rows = answer(client.post("/predict", json={"inputs": texts}))
    assert answer(client.post("/predict", json={"inputs": [[text] for text in texts]})) == rows
    assert answer(client.post("/predict", json={"inputs": [texts[0], [texts[1]]]})) == rows


def test_no_texts_have_no_rows(client):
    assert answer(client.post("/predict", json={"inputs": []})) == []


def test_a_model_can_be_named(client):
    body = {"inputs": "good", "model": "stars"}
    assert_classes(answer(client.post("/predict", json=body)), ("bad", "fair", "good"))


@pytest.mark.parametrize(("top_k", "count"), [(1, 1), (2, 2), (3, 3), (99, 3), (None, 3)])
def test_top_k_keeps_the_most_probable(client, top_k, count):
    body = {"inputs": ["good", "bad"], "model": "stars"}
    whole = answer(client.post("/predict", json=body))
    rows = answer(client.post("/predict", json={**body, "parameters": {"top_k": top_k}}))
    assert rows == [row[:count] for row in whole]


def test_probabilities_may_be_asked_for_by_name(client):
    body = {"inputs": ["good"], "raw_scores": False}
    body["parameters"] = {"function_to_apply": "softmax"}
    assert_classes(answer(client.post("/predict", json=body))[0])


def test_a_text_that_is_cut_is_refused_where_the_client_wants_it_whole(client):
    body = {"inputs": ["good", "good " * 100]}
    assert len(answer(client.post("/predict", json={**body, "truncate": True}))) == 2
    response = client.post("/predict", json={**body, "truncate": False})
    document = assert_problem(response, 422, "invalid-field", "/inputs")
    assert "Text 1 has more than the 64 tokens" in document["detail"]
    whole = {"inputs": "good", "truncate": False}
    assert_classes(answer(client.post("/predict", json=whole)))


@pytest.mark.parametrize("path", ["/", "/predict"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({"inputs": 5}, "/inputs", id="a number"),
        pytest.param({"inputs": None}, "/inputs", id="null"),
        pytest.param({"inputs": {"text": "good"}}, "/inputs", id="an object"),
        pytest.param({"inputs": ["good", 5]}, "/inputs/1", id="a number among the texts"),
        pytest.param({"inputs": [["good", 5]]}, "/inputs/0/1", id="a number in a list"),
        pytest.param({"inputs": [["good", "bad"]]}, "/inputs/0", id="a pair"),
        pytest.param({"inputs": ["good", []]}, "/inputs/1", id="an empty list"),
        pytest.param(
            {"inputs": ["good", {"text": "a", "text_pair": "b"}]}, "/inputs/1", id="a pair by name"
        ),
        pytest.param({"inputs": "good", "parameters": []}, "/parameters", id="parameters a list"),
        pytest.param(
            {"inputs": "good", "parameters": {"top_k": 0}}, "/parameters/top_k", id="top_k 0"
        ),
        pytest.param(
            {"inputs": "good", "parameters": {"top_k": "1"}}, "/parameters/top_k", id="top_k text"
        ),
        pytest.param(
            {"inputs": "good", "parameters": {"return_all_scores": True}},
            "/parameters",
            id="an unknown parameter",
        ),
        pytest.param(
            {"inputs": "good", "parameters": {"function_to_apply": "sigmoid"}},
            "/parameters/function_to_apply",
            id="another function",
        ),
        pytest.param({"inputs": "good", "raw_scores": True}, "/raw_scores", id="raw scores"),
        pytest.param({"inputs": "good", "options": {}}, "", id="an unknown field"),
        pytest.param({"inputs": "good", "model": "none"}, "/model", id="an unknown model"),
        pytest.param({"inputs": "x" * 100_001}, "/inputs", id="too long"),
        pytest.param({"inputs": ["a", "x" * 100_001]}, "/inputs/1", id="too long among others"),
        pytest.param({"inputs": ["a"] * 1_001}, "/inputs", id="too many"),
        pytest.param({}, "", id="nothing"),
    ],
)
def test_what_cannot_be_answered_is_pointed_at(client, path, body, pointer):
    document = assert_problem(client.post(path, json=body), 422, "invalid-field", pointer)
    assert "`str" not in document["detail"]


def test_a_pair_is_told_what_would_do(client):
    document = client.post("/predict", json={"inputs": [["good", "bad"]]}).get_json(force=True)
    assert "a list of one string, got a list of 2" in document["detail"]
    assert "pairs" in document["detail"]


@pytest.mark.parametrize("other", [{"text": "good"}, {"texts": ["good"]}])
@pytest.mark.parametrize(
    "option", [{"inputs": "good"}, {"parameters": {}}, {"truncate": True}, {"raw_scores": False}]
)
def test_the_forms_do_not_mix(client, other, option):
    response = client.post("/predict", json={**other, **option})
    assert_problem(response, 422, "invalid-field", "")


def test_the_address_alone_takes_no_other_form(client):
    assert_problem(client.post("/", json={"text": "good"}), 422, "invalid-field", "")
    assert_problem(client.post("/", data=b"inputs=good"), 415, "media-type")
    assert_problem(client.post("/", data=b"{", content_type="application/json"), 400, "not-json")
