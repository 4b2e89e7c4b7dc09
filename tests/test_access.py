"""Keys, rate limits, CORS and proxies over HTTP, and that nothing of them is there unasked."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread, Timer

import pytest
from flask import g
from test_errors import assert_problem
from werkzeug.middleware.proxy_fix import ProxyFix

from service import access
from service.app import create_app
from service.batcher import Batcher
from service.errors import KeysError
from service.registry import Registry
from service.settings import Rate, Settings

SHOP, MINE = "0123456789abcdef", "fedcba9876543210"
KEYS = {"api_keys": f"shop:{SHOP},mine:{MINE}"}
THREE = {"rate_limit": (Rate(3, 3_600),)}
PAGE = "https://app.example"

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


@pytest.fixture
def app_with(registry, batcher):
    """A function that makes an application with other settings."""

    def make(**changes):
        return create_app(replace(SETTINGS, **changes), registry=registry, batcher=batcher)

    return make


@pytest.fixture
def client_with(app_with):
    return lambda **changes: app_with(**changes).test_client()


def predict(client, headers=None, address="192.0.2.7"):
    return client.post(
        "/predict",
        json={"text": "good"},
        headers=headers or {},
        environ_overrides={"REMOTE_ADDR": address},
    )


def statuses(client, times, headers=None, address="192.0.2.7"):
    return [predict(client, headers, address).status_code for _ in range(times)]


def is_behind_proxies(app):
    """Whether there is a ProxyFix inside the observer, which is around all."""
    return isinstance(app.wsgi_app._application, ProxyFix)


# --- Off ----------------------------------------------------------------------------------------


def test_unasked_there_is_nothing_in_a_requests_way(app_with):
    app = app_with()
    hooks = [*app.before_request_funcs.get(None, []), *app.after_request_funcs.get(None, [])]
    ours = [hook for hook in hooks if hook.__module__ == access.__name__]
    assert ours == []
    assert not is_behind_proxies(app)


def test_what_is_asked_for_is_found_by_the_same_look(app_with):
    app = app_with(proxies=1, cors_origins=(PAGE,), **KEYS, **THREE)
    assert len(app.before_request_funcs[None]) >= 3
    assert {hook.__module__ for hook in app.before_request_funcs[None]} >= {access.__name__}
    assert is_behind_proxies(app)


def test_unasked_no_header_tells_of_it(client_with):
    response = predict(client_with(), {"Origin": PAGE, "X-Forwarded-For": "203.0.113.9"})
    assert response.status_code == 200
    assert cors_headers(response) == set()
    for name in ("Vary", "WWW-Authenticate", "RateLimit-Limit", "RateLimit-Remaining"):
        assert name not in response.headers


@pytest.mark.parametrize("path", ["/", "/docs", "/livez", "/models", "/nothing", "/predict"])
def test_no_browser_guesses_what_an_answer_is(client_with, path):
    assert client_with().get(path).headers["X-Content-Type-Options"] == "nosniff"


# --- Keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Authorization": f"Bearer {SHOP}"}, id="Bearer"),
        pytest.param({"Authorization": f"bearer  {SHOP} "}, id="bearer and spaces"),
        pytest.param({"X-API-Key": SHOP}, id="X-API-Key"),
        pytest.param({"X-API-Key": MINE, "Authorization": "Basic eDp5"}, id="behind a proxy's own"),
    ],
)
def test_with_a_key_it_answers(client_with, headers):
    assert predict(client_with(**KEYS), headers).json["model"] == "reviews-en"


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        pytest.param({}, "Bearer", id="none"),
        pytest.param({"Authorization": "Bearer "}, "Bearer", id="Bearer and nothing"),
        pytest.param({"Authorization": SHOP}, "Bearer", id="no scheme"),
        pytest.param({"Authorization": f"Basic {SHOP}"}, "Bearer", id="another scheme"),
        pytest.param({"X-API-Key": ""}, "Bearer", id="an empty one"),
        pytest.param(
            {"X-API-Key": SHOP[:-1]}, 'Bearer error="invalid_token"', id="a part of a key"
        ),
        pytest.param({"Authorization": "Bearer shop"}, 'Bearer error="invalid_token"', id="a name"),
        pytest.param({"X-API-Key": "é" * 16}, 'Bearer error="invalid_token"', id="beyond ASCII"),
        pytest.param({"X-API-Key": "x" * 8_000}, 'Bearer error="invalid_token"', id="a long one"),
    ],
)
def test_without_a_valid_key_it_refuses_and_says_how_to_ask(client_with, headers, challenge):
    response = predict(client_with(**KEYS), headers)
    document = assert_problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == challenge
    for secret in (SHOP, MINE, "shop", "mine"):
        assert secret not in json.dumps(document)


def test_a_key_in_the_address_does_not_count(client_with):
    response = client_with(**KEYS).post(f"/predict?api_key={SHOP}", json={"text": "good"})
    assert_problem(response, 401, "unauthorized")


def test_every_route_needs_a_key_but_those_that_are_open(app_with):
    app = app_with(**KEYS)
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]+>", "reviews-en", rule.rule)
        for method in rule.methods:
            response = client.open(path, method=method)
            open_ = access.is_open(method, path)
            assert (response.status_code == 401) is not open_, (method, path)
    for path in ("/predict", "/models", "/models/reviews-en"):
        assert not access.is_open("GET", path)


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/ping", "/page/page.js", "/docs"])
def test_what_everybody_may_get_nobody_may_post_without_a_key(client_with, path):
    client = client_with(**KEYS)
    assert client.get(path).status_code != 401
    assert client.head(path).status_code != 401
    assert_problem(client.post(path, json={"inputs": "good"}), 401, "unauthorized")


@pytest.mark.parametrize(
    "path", ["/nothing", "/livez/", "/livez/../predict", "/page", "/Livez", "/metrics"]
)
def test_what_is_not_there_needs_a_key_too(client_with, path):
    assert_problem(client_with(**KEYS).get(path), 401, "unauthorized")


def test_the_name_of_the_key_is_at_hand_and_the_key_is_not(app_with):
    app = app_with(**KEYS)
    seen = []

    @app.after_request
    def see(response):
        seen.append(g.get("client"))
        return response

    client = app.test_client()
    predict(client, {"X-API-Key": MINE})
    predict(client, {"X-API-Key": "wrong"})
    client.get("/livez", headers={"X-API-Key": MINE})
    assert seen == ["mine", None, None]


def test_keys_turn_without_a_restart(client_with, tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"shop:{SHOP}")
    client = client_with(api_keys_file=path)
    assert predict(client, {"X-API-Key": SHOP}).status_code == 200
    path.write_text(f"shop:{MINE}\n")
    for _ in range(200):  # a second until it is looked at
        if predict(client, {"X-API-Key": MINE}).status_code == 200:
            break
        time.sleep(0.02)
    else:
        pytest.fail("the new key is not valid")
    assert predict(client, {"X-API-Key": SHOP}).status_code == 401


def test_bad_keys_stop_the_start(app_with, tmp_path):
    with pytest.raises(KeysError, match="cannot be read"):
        app_with(api_keys_file=tmp_path / "none")


# --- Rate limits --------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_come_again(client_with):
    client = client_with(**THREE)
    for remaining in ("2", "1", "0"):
        response = predict(client)
        assert response.status_code == 200
        assert response.headers["RateLimit-Limit"] == "3"
        assert response.headers["RateLimit-Remaining"] == remaining
    response = predict(client)
    document = assert_problem(response, 429, "rate-limited")
    assert "3/hour" in document["detail"]
    assert "RATE_LIMIT" in document["detail"]
    assert response.headers["Retry-After"] == "1200"
    assert response.headers["RateLimit-Remaining"] == "0"
    assert response.headers["RateLimit-Reset"] == "3600"


def test_addresses_are_counted_apart_and_one_of_ipv6_with_its_network(client_with):
    client = client_with(**THREE)
    assert statuses(client, 4, address="192.0.2.7") == [200, 200, 200, 429]
    assert statuses(client, 1, address="192.0.2.8") == [200]
    assert statuses(client, 3, address="2001:db8::1") == [200, 200, 200]
    assert statuses(client, 1, address="2001:db8::2") == [429]


def test_with_keys_each_key_is_counted_wherever_it_comes_from(client_with):
    client = client_with(**KEYS, **THREE)
    assert statuses(client, 2, {"X-API-Key": SHOP}, "192.0.2.7") == [200, 200]
    assert statuses(client, 2, {"X-API-Key": SHOP}, "192.0.2.8") == [200, 429]
    assert statuses(client, 1, {"X-API-Key": MINE}, "192.0.2.8") == [200]


def test_a_request_without_a_key_is_refused_for_that_and_not_counted(client_with):
    client = client_with(**KEYS, **THREE)
    assert statuses(client, 5) == [401] * 5
    assert statuses(client, 3, {"X-API-Key": SHOP}) == [200] * 3


def test_health_checks_are_never_counted(client_with):
    client = client_with(**THREE)
    for path in ("/livez", "/readyz"):
        responses = [client.get(path) for _ in range(5)]
        assert [response.status_code for response in responses] == [200] * 5
        assert "RateLimit-Limit" not in responses[0].headers
    assert statuses(client, 4) == [200, 200, 200, 429]
    assert client.get("/readyz").status_code == 200


def test_a_request_counts_once_whatever_becomes_of_it(client_with):
    client = client_with(**THREE)
    assert client.get("/nothing").status_code == 404
    assert client.post("/predict", data=b"{", content_type="application/json").status_code == 400
    assert client.post("/predict", json={"texts": ["good"] * 500}).status_code == 200
    assert client.get("/models").status_code == 429


def test_of_many_requests_at_once_no_more_than_the_limit_are_answered(client_with):
    client = client_with(rate_limit=(Rate(10, 86_400),))
    found = []
    threads = [Thread(target=lambda: found.extend(statuses(client, 5))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * 10 + [429] * 20


# --- Proxies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted"),
    [
        pytest.param(0, "203.0.113.{}", "together", id="not believed by default"),
        pytest.param(1, "203.0.113.{}", "apart", id="one proxy"),
        pytest.param(1, "203.0.113.{}, 198.51.100.1", "together", id="what the client made up"),
        pytest.param(2, "203.0.113.{}, 198.51.100.1", "apart", id="two proxies"),
        pytest.param(1, "", "together", id="a proxy that says nothing"),
    ],
)
def test_the_address_is_what_the_proxies_in_front_say(client_with, proxies, forwarded, counted):
    client = client_with(proxies=proxies, **THREE)
    found = [
        predict(client, {"X-Forwarded-For": forwarded.format(place)}).status_code
        for place in range(5)
    ]
    assert found == [200, 200, 200, *([200] * 2 if counted == "apart" else [429] * 2)]


@pytest.mark.parametrize("host", ["a.example:", "a.example:b", "a.example:٣", "a.example:80"])
def test_a_host_that_a_proxy_passes_on_is_no_fault_of_ours(client_with, host):
    assert predict(client_with(proxies=1), {"X-Forwarded-Host": host}).status_code == 200


# --- CORS ---------------------------------------------------------------------------------------


def preflight(client, origin=PAGE, path="/predict"):
    return client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-api-key",
        },
    )


def cors_headers(response):
    return {name for name, _ in response.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("path", ["/predict", "/models", "/nothing"])
def test_a_browser_learns_what_it_may_send_without_a_key_and_uncounted(client_with, path):
    client = client_with(cors_origins=(PAGE,), **KEYS, **THREE)
    for _ in range(5):
        response = preflight(client, path=path)
        assert (response.status_code, response.get_data()) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert "POST" in response.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"content-type", "authorization", "x-api-key", "x-request-id"} <= set(allowed)
    assert {"content-encoding", "inference-header-content-length", "traceparent"} <= set(allowed)
    assert response.headers["Access-Control-Max-Age"] == "7200"
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"X-API-Key": SHOP}, 200, id="an answer"),
        pytest.param({"X-API-Key": "wrong"}, 401, id="no valid key"),
        pytest.param({"X-API-Key": MINE}, 429, id="too often"),
    ],
)
def test_the_page_may_read_answers_and_errors(client_with, headers, status):
    client = client_with(cors_origins=(PAGE, "https://b.example"), **KEYS, **THREE)
    assert statuses(client, 3, {"X-API-Key": MINE}) == [200] * 3
    response = predict(client, {"Origin": PAGE, **headers})
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Retry-After", "RateLimit-Remaining", "X-Request-Id", "Server-Timing"} <= set(exposed)
    assert response.headers["Vary"] == "Origin"


class BrokenBatcher:
    alive = True

    def submit(self, bundle, sequences, deadline):
        raise RuntimeError("a bug")


def test_of_a_bug_the_page_learns_as_much_as_others(registry):
    settings = replace(SETTINGS, cors_origins=(PAGE,))
    client = create_app(settings, registry=registry, batcher=BrokenBatcher()).test_client()
    response = predict(client, {"Origin": PAGE})
    assert_problem(response, 500, "internal")
    assert response.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://appxexample",
        "null",
        "*",
        "",
    ],
)
def test_another_page_may_not_read(client_with, origin):
    client = client_with(cors_origins=(PAGE,))
    for response in (preflight(client, origin), predict(client, {"Origin": origin})):
        assert cors_headers(response) == set()
        assert response.headers["Vary"] == "Origin"


def test_without_a_page_there_are_no_headers_but_for_caches(client_with):
    response = predict(client_with(cors_origins=(PAGE,)))
    assert cors_headers(response) == set()
    assert response.headers["Vary"] == "Origin"


def test_a_star_lets_every_page_read(client_with):
    client = client_with(cors_origins=("*",))
    for response in (preflight(client), predict(client, {"Origin": "https://x.example"})):
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert "Vary" not in response.headers


def test_other_questions_for_options_are_answered_as_ever(client_with):
    response = client_with(cors_origins=(PAGE,)).options("/predict")
    assert response.status_code == 200
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


# --- The deadline -------------------------------------------------------------------------------


class LateBatcher:
    """Answers each text after so many seconds."""

    alive = True

    def __init__(self, seconds):
        self._seconds = seconds

    def submit(self, bundle, sequences, deadline):
        future = Future()
        answer = [[0.5, 0.5]] * len(sequences)
        timer = Timer(self._seconds, future.set_result, [answer])
        timer.daemon = True
        timer.start()
        return future


@pytest.mark.parametrize(
    ("late", "deadline", "status"), [(0.05, 5, 200), (0.5, 0.05, 504)], ids=["before", "after"]
)
def test_an_answer_counts_up_to_the_deadline(registry, late, deadline, status):
    settings = replace(SETTINGS, deadline_seconds=deadline)
    client = create_app(settings, registry=registry, batcher=LateBatcher(late)).test_client()
    response = predict(client)
    assert response.status_code == status
    if status == 504:
        assert_problem(response, 504, "deadline")
