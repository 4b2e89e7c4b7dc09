"""`POST /predict`: every kind of body has its right answer, or a problem document."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from test_errors import assert_problem

from service.app import create_app
from service.batcher import Batcher
from service.registry import Registry
from service.routes.body import _located
from service.settings import Settings

FIELDS = {"label", "score", "scores", "model", "tokens", "truncated", "known"}

SETTINGS = Settings(device="cpu", deadline_seconds=60)


@pytest.fixture(scope="module")
def registry(models_dir):
    return Registry.from_folder(models_dir, "cpu", "reviews-en")


@pytest.fixture(scope="module")
def batcher():
    batcher = Batcher()
    batcher.start()
    yield batcher
    batcher.stop()


@pytest.fixture(scope="module")
def client(registry, batcher):
    return create_app(SETTINGS, registry=registry, batcher=batcher).test_client()


@pytest.fixture
def client_with(registry, batcher):
    """A function that makes a client of an application with other settings."""

    def make(**changes):
        settings = replace(SETTINGS, **changes)
        return create_app(settings, registry=registry, batcher=batcher).test_client()

    return make


class StubBatcher:
    alive = True

    def __init__(self, error):
        self._error = error

    def submit(self, bundle, sequences, deadline):
        raise self._error


def post(client, body, content_type="application/json"):
    """`body` is JSON as bytes, or a value to be made JSON of."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/predict", data=data, content_type=content_type)


def answer(response):
    assert response.status_code == 200, response.get_data()
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(response.get_data())


def assert_prediction(found):
    assert set(found) == FIELDS
    assert set(found["scores"]) == {"negative", "positive"}
    assert found["score"] == found["scores"][found["label"]] == max(found["scores"].values())
    assert sum(found["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert type(found["tokens"]) is int
    assert type(found["truncated"]) is bool


# --- Answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "model"),
    [
        pytest.param("One of the best films I have seen.", "reviews-en", id="english"),
        pytest.param("정말 재미있어요, 강력 추천합니다", "reviews-ko", id="korean"),
        pytest.param("映画 and кино", "reviews-en", id="other scripts"),
        pytest.param("👍🏽👍🏽", "reviews-en", id="emoji"),
        pytest.param("go\0od", "reviews-en", id="null byte"),
        pytest.param("<script>alert(1)</script>", "reviews-en", id="markup"),
    ],
)
def test_a_text_has_a_prediction(client, text, model):
    found = answer(post(client, {"text": text}))
    assert_prediction(found)
    assert found["model"] == model
    assert found["tokens"] > 0


def test_texts_have_predictions_in_order(client):
    texts = ["A good film.", "지루하다", "", "A bad one."]
    found = answer(post(client, {"texts": texts}))
    assert set(found) == {"predictions"}
    for text, prediction in zip(texts, found["predictions"], strict=True):
        assert_prediction(prediction)
        alone = answer(post(client, {"text": text}))
        assert prediction["scores"] == pytest.approx(alone["scores"], abs=1e-5)
        assert (prediction["model"], prediction["tokens"]) == (alone["model"], alone["tokens"])


def test_no_texts_have_no_predictions(client):
    assert answer(post(client, {"texts": []})) == {"predictions": []}


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_a_blank_text_is_even(client, text):
    found = answer(post(client, {"text": text}))
    assert_prediction(found)
    assert (found["tokens"], found["score"]) == (0, 0.5)


def test_a_model_can_be_named(client):
    assert answer(post(client, {"text": "good", "model": "reviews-ko"}))["model"] == "reviews-ko"
    many = answer(post(client, {"texts": ["good", "좋다"], "model": "reviews-en"}))
    assert [found["model"] for found in many["predictions"]] == ["reviews-en"] * 2


def test_no_model_and_a_null_model_are_the_same(client):
    assert answer(post(client, {"text": "좋다", "model": None}))["model"] == "reviews-ko"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"text": "좋다"}'.encode(), id="as it is"),
        pytest.param(rb'{"text": "\uc88b\ub2e4"}', id="escaped"),
        pytest.param(b' \n{"text"\t: "\xec\xa2\x8b\xeb\x8b\xa4"}\r\n', id="blanks around"),
    ],
)
def test_json_may_be_written_in_several_ways(client, body):
    expected = answer(post(client, {"text": "좋다"}))
    assert answer(post(client, body)) == expected


def test_an_escaped_pair_of_surrogates_is_one_character(client):
    assert answer(post(client, rb'{"text": "\ud83d\udc4d"}')) == answer(
        post(client, {"text": "👍"})
    )


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "APPLICATION/JSON",
        "application/vnd.api+json",
    ],
)
def test_json_may_be_announced_in_several_ways(client, content_type):
    assert_prediction(answer(post(client, {"text": "good"}, content_type)))


def test_of_a_key_given_twice_the_last_counts(client):
    found = answer(post(client, b'{"text": "", "text": "good film"}'))
    assert found["tokens"] > 0


def test_a_long_text_is_cut_and_says_so(client):
    found = answer(post(client, {"text": "good " * 1_000}))
    assert (found["tokens"], found["truncated"]) == (64, True)


# --- Limits -----------------------------------------------------------------------------------


def test_a_megabyte_of_text_is_refused_by_field(client):
    document = assert_problem(
        post(client, {"text": "good " * 200_000}), 422, "invalid-field", "/text"
    )
    assert "1,000,000 characters" in document["detail"]
    assert "MAX_CHARACTERS" in document["detail"]


def test_a_megabyte_of_text_is_answered_where_it_is_allowed(client_with):
    found = answer(post(client_with(max_characters=1_000_000), {"text": "good " * 200_000}))
    assert found["truncated"] is True


def test_one_text_too_long_among_others_is_pointed_at(client):
    texts = ["good", "좋다", "x" * 100_001, "bad"]
    assert_problem(post(client, {"texts": texts}), 422, "invalid-field", "/texts/2")


def test_ten_thousand_texts_are_refused_by_field(client):
    document = assert_problem(
        post(client, {"texts": ["good"] * 10_000}), 422, "invalid-field", "/texts"
    )
    assert "10,000 texts" in document["detail"]
    assert "MAX_TEXTS" in document["detail"]


def test_ten_thousand_texts_are_answered_where_they_are_allowed(client_with):
    texts = [("good", "bad", "좋다", "", "not funny")[place % 5] for place in range(10_000)]
    found = answer(post(client_with(max_texts=10_000), {"texts": texts}))["predictions"]
    assert len(found) == 10_000
    assert [prediction["tokens"] == 0 for prediction in found] == [not text for text in texts]


def test_just_the_most_texts_and_characters_are_answered(client_with):
    small = client_with(max_texts=3, max_characters=4)
    assert len(answer(post(small, {"texts": ["good", "좋다", ""]}))["predictions"]) == 3
    assert_problem(post(small, {"texts": [""] * 4}), 422, "invalid-field", "/texts")
    assert_problem(post(small, {"text": "goods"}), 422, "invalid-field", "/text")


def test_a_body_over_the_limit_is_refused(client):
    document = assert_problem(post(client, {"text": "x" * (4 << 20)}), 413, "body-too-large")
    assert "4,194,304 bytes" in document["detail"]


def test_a_body_of_just_the_limit_is_read(client_with):
    body = b'{"text": "good"}'
    assert_prediction(answer(post(client_with(max_body_bytes=len(body)), body)))
    assert_problem(post(client_with(max_body_bytes=len(body) - 1), body), 413, "body-too-large")


# --- What is no request -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"text=good", id="a form"),
        pytest.param(b"{'text': 'good'}", id="single quotes"),
        pytest.param(b'{"text": "good"', id="cut short"),
        pytest.param(b'{"text": "good"} {}', id="something behind it"),
        pytest.param(b'{"text": "good",}', id="a comma too many"),
        pytest.param(b'{"text": NaN}', id="not a number"),
        pytest.param(b'{"text": "a\nb"}', id="a bare line break"),
        pytest.param(b'{"text": "\\x41"}', id="an escape that JSON does not have"),
        pytest.param(b'{"text": "\xff\xfe"}', id="not UTF-8"),
        pytest.param('{"text": "schön"}'.encode("latin-1"), id="Latin-1"),
        pytest.param('{"text": "good"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"text": "good"}', id="a byte order mark"),
        pytest.param(b'{"text": "\xed\xa0\x80"}', id="a surrogate in the bytes"),
    ],
)
def test_what_is_not_json_is_refused(client, body):
    document = assert_problem(post(client, body), 400, "not-json")
    assert '{"text": "…"}' in document["detail"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(rb'{"text": "\ud83d"}', id="first half alone"),
        pytest.param(rb'{"text": "\udc4d"}', id="second half alone"),
        pytest.param(rb'{"text": "\ud83d good"}', id="first half in front of text"),
        pytest.param(rb'{"texts": ["good", "\uD83D\uD83D"]}', id="two first halves"),
    ],
)
def test_half_a_surrogate_pair_is_refused_with_a_hint(client, body):
    document = assert_problem(post(client, body), 400, "not-json")
    assert r"Escapes from \ud800 to \udfff are valid in pairs only." in document["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param([], "", id="a list"),
        pytest.param("good", "", id="a string"),
        pytest.param(None, "", id="null"),
        pytest.param(5, "", id="a number"),
        pytest.param({}, "", id="no field"),
        pytest.param({"model": "reviews-en"}, "", id="only a model"),
        pytest.param({"text": "good", "texts": ["good"]}, "", id="both fields"),
        pytest.param({"text": "good", "lang": "en"}, "", id="an unknown field"),
        pytest.param({"Text": "good"}, "", id="a field in capitals"),
        pytest.param({"text": 5}, "/text", id="text a number"),
        pytest.param({"text": None}, "/text", id="text null"),
        pytest.param({"text": True}, "/text", id="text a truth value"),
        pytest.param({"text": ["good"]}, "/text", id="text a list"),
        pytest.param({"text": {"a": "b"}}, "/text", id="text an object"),
        pytest.param({"texts": "good"}, "/texts", id="texts a string"),
        pytest.param({"texts": None}, "/texts", id="texts null"),
        pytest.param({"texts": {"0": "good"}}, "/texts", id="texts an object"),
        pytest.param({"texts": ["good", 5]}, "/texts/1", id="a number among the texts"),
        pytest.param({"texts": ["good", "bad", None]}, "/texts/2", id="null among the texts"),
        pytest.param({"texts": [["good"]]}, "/texts/0", id="a list among the texts"),
        pytest.param({"text": "good", "model": 5}, "/model", id="model a number"),
        pytest.param({"text": "good", "model": "none"}, "/model", id="an unknown model"),
        pytest.param({"text": "good", "model": ""}, "/model", id="an empty model"),
        pytest.param({"texts": [], "model": "none"}, "/model", id="an unknown model of no texts"),
    ],
)
def test_a_wrong_field_is_pointed_at(client, body, pointer):
    assert_problem(post(client, body), 422, "invalid-field", pointer)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="lists"),
        pytest.param(b'{"a":' * 100_000, id="objects"),
        pytest.param(b'{"texts":' + b"[" * 100_000, id="lists in a field"),
        pytest.param(b'{"text":' + b'{"a":' * 100_000, id="objects in a field"),
        pytest.param(b'{"x":' + b"[" * 1_000 + b"]" * 1_000 + b"}", id="a field we do not know"),
    ],
)
def test_deep_nesting_is_the_clients_fault(client, body):
    response = post(client, body)
    assert response.status_code in (400, 422)
    assert_problem(
        response,
        response.status_code,
        {400: "not-json", 422: "invalid-field"}[response.status_code],
        response.get_json(force=True).get("errors", [{}])[0].get("pointer"),
    )


def test_a_long_number_is_no_text(client):
    assert_problem(
        post(client, b'{"text": ' + b"9" * 100_000 + b"}"), 422, "invalid-field", "/text"
    )


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("text/plain", id="text"),
        pytest.param("application/x-www-form-urlencoded", id="a form"),
        pytest.param("multipart/form-data; boundary=x", id="a form in parts"),
        pytest.param("text/json", id="text/json"),
        pytest.param("application/jsonlines", id="JSON lines"),
    ],
)
def test_a_body_that_does_not_claim_to_be_json_is_refused(client, content_type):
    response = post(client, {"text": "good"}, content_type)
    document = assert_problem(response, 415, "media-type")
    assert "Content-Type: application/json" in document["detail"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_refused_with_those_there_are(client, method):
    response = client.open("/predict", method=method)
    assert_problem(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("path", ["/predict/", "/Predict", "/predict/x", "/%00", "/한국어"])
def test_an_unknown_path_is_refused(client, path):
    assert_problem(client.post(path, json={"text": "good"}), 404, "not-found")


# --- What goes wrong behind the route ---------------------------------------------------------


def test_a_bug_tells_the_client_nothing_and_the_log_all(registry, caplog):
    batcher = StubBatcher(RuntimeError("secret of /etc/passwd"))
    client = create_app(SETTINGS, registry=registry, batcher=batcher).test_client()
    response = post(client, {"text": "good"})
    assert_problem(response, 500, "internal")
    assert b"secret" not in response.get_data()
    assert "POST /predict failed" in caplog.text
    assert "RuntimeError: secret of /etc/passwd" in caplog.text


def test_a_failure_of_the_network_is_a_500_and_the_next_is_answered(registry, batcher, client):
    def fail(ids, lengths):
        raise RuntimeError("secret")

    failing = Registry([replace(registry.default, module=SimpleNamespace(forward=fail))], "")
    broken = create_app(SETTINGS, registry=failing, batcher=batcher).test_client()
    assert_problem(post(broken, {"text": "good"}), 500, "internal")
    assert_prediction(answer(post(client, {"text": "good"})))


def test_a_stopped_batcher_is_a_503(registry):
    batcher = Batcher()
    batcher.start()
    batcher.stop()
    client = create_app(SETTINGS, registry=registry, batcher=batcher).test_client()
    assert_problem(post(client, {"text": "good"}), 503, "overloaded")


def test_an_answer_that_is_late_is_a_504(client_with):
    late = client_with(deadline_seconds=-1.0)
    assert_problem(post(late, {"text": "good"}), 504, "deadline")


@pytest.mark.parametrize(
    ("message", "located"),
    [
        pytest.param(
            "Expected `str`, got `int` - at `$.texts[3]`",
            ("Expected a string, got a number.", "/texts/3"),
            id="in a list",
        ),
        pytest.param(
            "Expected `object`, got `array`",
            ("Expected an object, got a list.", ""),
            id="the whole",
        ),
        pytest.param(
            "Expected `str | null`, got `bool` - at `$.model`",
            ("Expected a string or null, got true or false.", "/model"),
            id="a field",
        ),
    ],
)
def test_messages_are_put_in_plain_words(message, located):
    assert _located(message) == located
