"""benchmarks/serving without wrk, peers or a network: texts, tables, and one tiny server."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.serving import __main__ as command
from benchmarks.serving import (
    cost,
    load,
    measure,
    network,
    processes,
    reading,
    report,
    running,
    soak,
    texts,
)
from benchmarks.serving.nothing import app as nothing
from benchmarks.serving.probe import Probes, p99
from benchmarks.serving.servers import OURS, SPEECH, Request, Server, servers
from service.archive import find_bundles
from service.bundle import BFLOAT16_TOLERANCE
from service.registry import Registry


def words(text: str) -> int:
    return len(text.split())


# --- The texts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        pytest.param("short", 13, 17, id="short"),
        pytest.param("long", 210, 250, id="long"),
    ],
)
def test_texts_are_as_long_as_their_case_says(name, low, high):
    drawn = list(islice(texts.requests(texts.CASES[name], words, seed=1), 40))
    lengths = [words(text) for [text] in drawn]
    assert low <= min(lengths)
    assert max(lengths) <= high
    assert len({text for [text] in drawn}) > 35


def test_the_mix_has_the_lengths_of_real_reviews():
    drawn = islice(texts.requests(texts.CASES["mix"], words, seed=1), 600)
    lengths = sorted(words(text) for [text] in drawn)
    assert lengths[0] == texts.SENTENCE_TOKENS[0]
    assert lengths[-1] == texts.FILM_TOKENS[-1]
    expected = sorted(texts.CASES["mix"].tokens)
    assert lengths[300] == pytest.approx(expected[len(expected) // 2], rel=0.35)


def test_a_request_may_hold_many_texts_and_the_same_seed_gives_the_same_ones():
    case = texts.CASES["64 texts"]
    first, again = (next(texts.requests(case, words, seed=1)) for _ in range(2))
    assert first == again
    assert len(first) == 64
    assert next(texts.requests(case, words, seed=2)) != first


@pytest.mark.parametrize("tokens", [1, 2, 9, 3_000])
def test_a_text_has_as_many_tokens_as_asked(tokens):
    assert words(texts.text(random.Random(1), tokens, words)) == tokens


# --- The readers of the peers ----------------------------------------------------------------


@pytest.fixture(scope="module")
def registry(models_dir):
    return Registry.from_folder(models_dir, "cpu", "reviews-en")


def test_the_documented_code_answers_as_the_bundle_does(registry):
    bundle = registry.get("reviews-en")
    read = reading.documented(bundle)
    found = read([*running.FIXED_TEXTS, ""])
    for answer, text in zip(found, running.FIXED_TEXTS, strict=False):
        label, score = running.expected(bundle, text)
        assert answer["label"] == label
        assert answer["score"] == pytest.approx(score, abs=1e-5)


def test_our_predictor_answers_the_same_in_a_peer(models_dir, registry):
    environ = {"OMP_NUM_THREADS": "1", "MODELS_DIR": str(models_dir)}
    ours = reading.from_environment({**environ, "READER": reading.PREDICTOR})
    theirs = reading.from_environment({**environ, "READER": reading.DOCUMENTED})
    for one, other in zip(ours(running.FIXED_TEXTS), theirs(running.FIXED_TEXTS), strict=True):
        assert one["label"] == other["label"]
        # ours may compute in bfloat16, what the documentation teaches does not
        assert one["score"] == pytest.approx(other["score"], abs=BFLOAT16_TOLERANCE)


def test_several_requests_are_read_in_one_call_and_each_gets_its_own_answers():
    calls = []

    def read(texts):
        calls.append(list(texts))
        return [{"label": text} for text in texts]

    asked = [{"text": "a"}, {"texts": ["b", "c"]}, {"texts": []}, {"text": "d"}]
    assert reading.read_requests(read, asked) == [
        {"label": "a"},
        {"predictions": [{"label": "b"}, {"label": "c"}]},
        {"predictions": []},
        {"label": "d"},
    ]
    assert calls == [["a", "b", "c", "d"]]


def test_the_route_that_does_nothing_says_what_is_expected_of_it():
    server = servers(2)["nothing"]
    request = server.speech.request(["a"])
    answer = nothing.test_client().post(request.path, data=request.body)
    assert answer.status_code == 200
    assert server.speech.answers(answer.data) is None
    with pytest.raises(ValueError, match="instead of"):
        server.speech.answers(b"something else")


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_every_server_has_settings_and_each_peer_comes_with_and_without_our_predictor(cores):
    known = servers(cores)
    assert next(iter(known)) == OURS
    for peer in ("fastapi", "litserve", "mosec", "bentoml"):
        assert {peer, f"{peer} + our Predictor"} <= set(known)
    for server in known.values():
        assert server.settings
        assert len({tuple(setting.items()) for setting in server.settings}) == len(server.settings)
        for setting in server.settings:
            assert all(server.command("python", setting, 1))


@pytest.mark.parametrize("name", ["manytone", "bentoml"])
def test_what_a_server_answers_is_understood(name):
    speech = servers(1)[name].speech
    one, two = {"label": "a", "score": 0.5}, {"label": "b", "score": 0.75}
    if name == "bentoml":
        assert json.loads(speech.request(["x"]).body) == {"texts": ["x"]}
        answers = json.dumps([one, two]), json.dumps([one])
    else:
        assert json.loads(speech.request(["x"]).body) == {"text": "x"}
        assert json.loads(speech.request(["x", "y"]).body) == {"texts": ["x", "y"]}
        answers = json.dumps({"predictions": [one, two]}), json.dumps(one)
    assert speech.answers(answers[0].encode()) == [("a", 0.5), ("b", 0.75)]
    assert speech.answers(answers[1].encode()) == [("a", 0.5)]


# --- wrk ------------------------------------------------------------------------------------

LINE = (
    load.MARK + '{"requests": 900, "seconds": 3.0, "milliseconds": {"50": 2.5, "90": 4, "99": 9}, '
    '"errors": {"connect": 0, "read": 0, "write": 0, "timeout": %d, "status": %d}}'
)


def test_what_wrk_counted_is_read():
    found = load.parsed(f"Running 3s test @ http://127.0.0.1:1\n  Latency\n{LINE % (0, 0)}\n")
    assert found.per_second == 300
    assert found.milliseconds["99"] == 9
    assert found.fault == ""


def test_one_error_makes_a_figure_invalid():
    assert load.parsed(LINE % (0, 7)).fault == "errors: 7 status"
    assert load.parsed(LINE % (1, 7)).fault == "errors: 1 timeout, 7 status"
    assert replace(load.parsed(LINE % (0, 0)), requests=0).fault == "no answer in time"


def test_a_failure_of_wrk_says_what_it_said():
    with pytest.raises(load.LoadError, match="unable to connect"):
        load.parsed("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_the_script_has_every_body_whatever_stands_in_it():
    bodies = [b'{"text": "]==] \\" a"}', b"{}"]
    lua = load.script([Request("/predict", body) for body in bodies])
    assert '[===[{"text": "]==] \\" a"}]===]' in lua
    assert "[==[{}]==]" in lua
    assert "%d" in lua
    assert "%%" not in lua


def test_without_wrk_the_command_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert command.main(["--quick"]) == 2
    assert "apt-get install wrk" in capsys.readouterr().err


# --- A server as a process of its own -------------------------------------------------------

TINY = """
import http.server, json, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("a child", child.pid, flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = json.loads(os.environ["SAYS"])
        one = "text" in asked
        found = said[asked["text"]] if one else {"predictions": [said[t] for t in asked["texts"]]}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def tiny_server(says=None, code=TINY) -> Server:
    return Server(
        "tiny",
        lambda python, setting, port: [python, "-c", code],
        SPEECH,
        environment={"SAYS": json.dumps(says or {text: {} for text in running.FIXED_TEXTS})},
    )


def right_answers(bundle) -> dict[str, dict[str, object]]:
    found = {text: running.expected(bundle, text) for text in running.FIXED_TEXTS}
    return {text: {"label": label, "score": score} for text, (label, score) in found.items()}


@pytest.fixture
def place(models_dir):
    return running.Place(models_dir, 1)


def test_a_server_is_started_checked_and_ended_with_all_its_processes(place, tiny_bundle):
    with running.started(tiny_server(right_answers(tiny_bundle)), {}, place) as server:
        running.check(tiny_server(), server.port, tiny_bundle)
        child = int(server.log.read_text().split()[-1])
        if Path("/proc/self/stat").exists():
            assert child in processes.descendants(server.process.pid)
            assert processes.megabytes(server.process.pid) > 1
    assert server.process.poll() is not None
    assert gone(child)


def gone(pid: int) -> bool:
    """Ended, though perhaps nobody has taken note of it yet."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_server_is_ended_when_what_uses_it_is_interrupted(place, tiny_bundle):
    def interrupted():
        with running.started(tiny_server(right_answers(tiny_bundle)), {}, place) as server:
            found.append(server.process)
            raise KeyboardInterrupt

    found: list[subprocess.Popen[bytes]] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert found[0].poll() is not None


def test_a_server_that_answers_wrong_is_found_out(place, tiny_bundle):
    says = right_answers(tiny_bundle)
    says[running.FIXED_TEXTS[1]] = {"label": "neither", "score": 0.5}
    with (
        running.started(tiny_server(says), {}, place) as server,
        pytest.raises(running.NotMeasured, match="answers wrong"),
    ):
        running.check(tiny_server(), server.port, tiny_bundle)


@pytest.mark.parametrize(
    ("code", "seconds", "reason"),
    [
        pytest.param("print('no port'); raise SystemExit(3)", 30, "status 3: no port", id="ends"),
        pytest.param("import time; time.sleep(60)", 0.2, "not ready after", id="hangs"),
    ],
)
def test_a_server_that_does_not_start_is_named_with_the_reason(place, code, seconds, reason):
    with (
        pytest.raises(running.NotMeasured, match=reason),
        running.started(tiny_server(code=code), {}, place, ready_seconds=seconds),
    ):
        pass


def test_a_peer_that_is_not_installed_is_named_with_what_to_do(place, tmp_path):
    peer = replace(tiny_server(), package="no-such-server")
    for python in (tmp_path / "none", Path(sys.executable)):
        with pytest.raises(running.NotMeasured, match="make setup-servers"):
            running.interpreter(peer, replace(place, python=python))


# --- Rounds ---------------------------------------------------------------------------------


def plan(**changes: object) -> measure.Plan:
    reads = replace(tiny_server(), settings=({"A": 1}, {"A": 2}, {"A": 3}))
    says_nothing = replace(reads, name="nothing", settings=({},), cases=("short",))
    values = {
        "servers": [replace(reads, name=OURS, settings=({},)), reads, says_nothing],
        "cases": [texts.CASES["long"], texts.CASES["short"]],
        "connections": [1, 8, 32],
        "rounds": 5,
        "seconds": 1,
        "sweep_seconds": 1,
        "place": None,
        "bundle": None,
    }
    return measure.Plan(**{**values, **changes})


def test_a_plan_knows_how_many_loads_there_will_be():
    ours, reads, says_nothing = plan().servers
    assert len(plan().cells(ours)) == 6
    assert [cell.case for cell in plan().cells(says_nothing)] == ["short"] * 3
    assert plan().sweeps(reads)
    assert not plan().sweeps(ours)
    assert plan().loads() == 3 * 6 + 5 * (2 + 6 + 6 + 3)
    assert plan(sweep_seconds=0).loads() == 5 * (2 + 6 + 6 + 3)


def test_the_network_alone_reads_each_request_and_says_how_fast(place):
    found = network.run(place, [["Good.", "Not bad at all!"], ["Bad."]], seconds=0.05)
    assert found.fault == ""
    assert found.seconds >= 0.05
    assert found.requests == pytest.approx(found.per_second * found.seconds)
    assert 0 < found.milliseconds["50"] <= found.milliseconds["99"]


def test_a_network_that_cannot_be_loaded_is_left_out_with_the_reason(place, tmp_path):
    with pytest.raises(running.NotMeasured, match="the network alone ended"):
        network.run(replace(place, models=tmp_path), [["Good."]], seconds=0.05)


def test_requests_of_many_texts_are_compared_with_the_network_alone(
    place, tiny_bundle, monkeypatch
):
    """Once a round, for all numbers of connections; the other cases do not fill a pass."""
    asked = []

    def run(place, requests, seconds):
        asked.append([len(texts) for texts in requests[:2]])
        return load.Load(100, 0.5, {"50": 5.0, "90": 6.0, "99": 7.0}, {})

    monkeypatch.setattr(network, "run", run)
    monkeypatch.setattr(measure, "_turn", lambda *_: None)
    whole = plan(
        cases=[texts.CASES["short"], texts.CASES["64 texts"]], sweep_seconds=0, rounds=2,
        place=place, bundle=tiny_bundle,
    )  # fmt: skip
    assert whole.loads() == 2 * (3 + 6 + 6 + 3)
    found = measure.Found()
    measure.measured(whole, found)
    assert asked == [[64, 64]] * 2
    assert [(each.case, each.connections, each.per_second) for each in found.figures] == [
        ("64 texts", connections, 200.0) for connections in (1, 8, 32)
    ] * 2


def test_the_run_goes_on_without_a_peer_that_is_not_installed(place, tiny_bundle):
    peer = replace(tiny_server(), name="peer", package="no-such-server", settings=({}, {"A": 1}))
    found = measure.Found()
    measure.measured(
        plan(servers=[peer], cases=[texts.CASES["short"]], place=place, bundle=tiny_bundle), found
    )
    assert "make setup-servers" in found.left_out["peer"]
    assert "left out: peer: no-such-server is not installed" in report.tables(found)


def test_each_load_has_the_setting_that_serves_it_best():
    tried = [
        ({"BATCH": 1}, {"short, 32": 100.0, "long, 32": 30.0, "short, 1": 7.0}),
        ({"BATCH": 16}, {"short, 32": 300.0, "long, 32": 20.0, "short, 1": 7.0}),
    ]
    assert measure.best_for_each(tried) == {
        "short, 32": {"BATCH": 16},
        "long, 32": {"BATCH": 1},
        "short, 1": {"BATCH": 1},
    }


class Fake:
    """What a server that runs would do, noted instead of done."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []
        self._setting: object = None

    @contextmanager
    def started(self, server, setting, place):
        self._setting = setting
        yield SimpleNamespace(port=0)

    def loaded(self, server, running, cell, bodies, seconds) -> load.Load:
        self.done.append((server.name, dict(self._setting), cell.name, seconds))
        # Setting 2 is best at 8 connections, setting 3 elsewhere.
        best = {"A": 2} if cell.connections == 8 else {"A": 3}
        return load.Load(200 if self._setting == best else 100, 1.0, dict.fromkeys(MS, 1.0), {})

    def warmed_up(self, server, running, bodies, cases) -> None:
        self.done.append((server.name, dict(self._setting), "warm-up", list(cases)))


MS = ("50", "90", "99")


@pytest.fixture
def fake(monkeypatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(measure, "started", fake.started)
    monkeypatch.setattr(measure, "check", lambda *_: None)
    monkeypatch.setattr(measure, "_load", fake.loaded)
    monkeypatch.setattr(measure, "_warm_up", fake.warmed_up)
    monkeypatch.setattr(measure, "_probed", lambda *_: [])
    return fake


def two_peers(tiny_bundle, **changes) -> measure.Plan:
    reads = replace(tiny_server(), name="one", settings=({"A": 1}, {"A": 2}, {"A": 3}))
    return plan(
        servers=[reads, replace(reads, name="two", settings=({},))],
        cases=[texts.CASES["short"]], bundle=tiny_bundle, **changes,
    )  # fmt: skip


def test_each_load_of_a_round_runs_with_the_setting_that_was_best_in_the_sweep(fake, tiny_bundle):
    found = measure.Found()
    measure.measured(two_peers(tiny_bundle, rounds=1, seconds=5), found)
    assert {name: each["A"] for name, each in found.chosen["one"].items()} == {
        "short, 1": 3, "short, 8": 2, "short, 32": 3,
    }  # fmt: skip
    counted = [step for step in fake.done if step[0] == "one" and step[3] == 5]
    assert {(step[2], step[1]["A"]) for step in counted} == {
        ("short, 1", 3), ("short, 8", 2), ("short, 32", 3),
    }  # fmt: skip


def test_every_server_begins_a_round_in_its_turn_and_is_warm_before_it_counts(fake, tiny_bundle):
    found = measure.Found()
    measure.measured(two_peers(tiny_bundle, rounds=3, sweep_seconds=0), found)
    order = [(each.round, each.server) for each in found.figures]
    first = [next(name for number, name in order if number == each) for each in range(3)]
    assert first == ["one", "two", "one"]
    for place, (_, _, what, _) in enumerate(fake.done):
        if what == "short, 1":  # the first load of a start
            assert fake.done[place - 1][2] == "warm-up"


# --- Table, plot and file -------------------------------------------------------------------


def figure(server: str, number: int, rate: float, fault: str = "", **changes) -> measure.Figure:
    milliseconds = {"50": 1_000 / rate, "90": 2_000 / rate, "99": 3_000 / rate}
    values = measure.Figure(server, "short", 32, number, rate, milliseconds, fault)
    return replace(values, **changes)


# The machine was twice as slow in the second round, for all.
ROUNDS = [
    *(figure(OURS, number, rate) for number, rate in enumerate((1_000, 500, 1_200))),
    *(figure("peer", number, rate) for number, rate in enumerate((500, 250, 400))),
    figure("other", 0, 100),
    figure("other", 1, 100, "errors: 3 status"),
]


def test_the_ratio_is_taken_round_by_round_and_an_error_makes_a_row_worthless():
    ours, peer, other = report.rows(ROUNDS)
    assert ours.ours_is == (1, 1, 1)
    assert peer.ours_is == (2, 2, 2.5)
    assert peer.per_second == (325, 400, 450)
    assert (other.per_second, other.ours_is, other.fault) == (None, None, "errors: 3 status")


def test_without_ours_there_is_no_ratio():
    [row] = report.rows([figure("peer", 0, 500)])
    assert row.ours_is is None
    assert row.per_second == (500, 500, 500)


def test_the_table_is_for_a_person_and_the_fastest_comes_first():
    lines = report.table("short", 32, report.rows(ROUNDS)).splitlines()
    assert lines[0] == "short, 32 connections"
    assert [line.split()[0] for line in lines[1:]] == ["server", OURS, "peer", "other"]
    assert "400.0 (325.0-450.0)" in lines[3]
    assert lines[3].endswith("2.00 (2.00-2.50) times it")
    assert lines[4] == "other     invalid: errors: 3 status"


def test_the_tables_name_settings_health_and_who_is_left_out():
    found = measure.Found(
        figures=ROUNDS,
        health=[measure.Health("/livez", "mix", 128, n, 50, n, 4.0 + n) for n in range(2)],
        left_out={"absent": "it is not installed"},
        chosen={
            OURS: {"short, 8": {}},
            "peer": {"short, 8": {"THREADS": 8}, "long, 8": {"THREADS": 1}},
        },
    )
    text = report.tables(found)
    assert "peer, short, 8: {'THREADS': 8}\npeer, long, 8: {'THREADS': 1}" in text
    assert "left out: absent: it is not installed" in text
    [line] = [line for line in text.splitlines() if line.startswith("/livez")]
    assert line.split()[-3:] == ["5.0", "100", "1"]
    content = json.loads(json.dumps(report.content(found, {"rounds": 3})))
    assert content["rounds"] == 3
    assert len(content["figures"]) == len(ROUNDS)
    assert content["rows"][1]["ours_is"] == [2, 2, 2.5]


def test_the_same_figures_give_the_same_plot(tmp_path):
    more = [replace(each, case="long", connections=1) for each in ROUNDS]
    for name in ("one", "two"):
        report.plot(tmp_path / f"{name}.png", report.rows([*ROUNDS, *more]))
    first = (tmp_path / "one.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert first == (tmp_path / "two.png").read_bytes()


def test_the_longest_of_few_is_their_p99():
    assert p99([]) == 0
    assert p99([3.0]) == 3
    assert p99([float(n) for n in range(101)]) == 99


def test_a_health_check_that_nobody_answers_has_failed():
    probes = Probes()
    probes.ask(running.free_port(), "/livez")
    assert probes.failed == {"/livez": 1, "/readyz": 0}
    assert len(probes.milliseconds["/livez"]) == 1


# --- Options --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        pytest.param([], True, id="everything"),
        pytest.param(["--rounds", "9", "--seconds", "20"], True, id="longer"),
        pytest.param(["--quick"], False, id="quick"),
        pytest.param(["--servers", OURS], False, id="a server alone"),
        pytest.param(["--cases", "mix"], False, id="a case alone"),
        pytest.param(["--connections", "1"], False, id="few connections"),
        pytest.param(["--rounds", "1"], False, id="a round alone"),
        pytest.param(["--models", "mine"], False, id="other bundles"),
    ],
)
def test_a_part_of_the_comparison_does_not_take_the_place_of_all_of_it(arguments, whole):
    assert command._is_whole(command._options(arguments)) is whole


@pytest.mark.parametrize(
    "arguments", [["--soak", "1"], ["--cost", "--soak", "5"], ["--rounds", "0"]]
)
def test_options_that_make_no_sense_are_refused(arguments):
    with pytest.raises(SystemExit, match="2"):
        command._options(arguments)


# --- Cost and soak --------------------------------------------------------------------------


def test_copies_of_a_bundle_are_bundles_under_other_names(tmp_path, tiny_bundle):
    cost.write_copies(tmp_path, tiny_bundle, 3)
    assert {path.stem for path in find_bundles(tmp_path)} == {"tiny-en", "tiny-en-2", "tiny-en-3"}
    assert len(list(Registry.from_folder(tmp_path, "cpu", "tiny-en"))) == 3


def test_costs_are_shown_and_drawn(tmp_path):
    found = [
        *(cost.Cost("tokens", n, 900.0, n / 10, n / 5, 400.0) for n in (1, 10, 100)),
        cost.Cost("connections", 512, 1_000.0, 30.0, 90.0, 420.0, "errors: 9 status"),
        cost.Cost("bundles", 20, 900.0, 1.0, 2.0, 900.0, start_seconds=12.25),
    ]
    lines = cost.table(found).splitlines()
    assert lines[4].endswith("420.0  errors: 9 status")
    assert lines[5].endswith("ready after 12.2 s")
    cost.plot(tmp_path / "cost.png", found)
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")


GREW = "memory within 5 % after the first minute"
LEAKS = "memory within 2 % from the middle third to the last"


def soak_of(*megabytes: float, status: int = 0) -> soak.Soak:
    samples = [soak.Sample(20.0 * place, each) for place, each in enumerate(megabytes)]
    return soak.Soak(load.parsed(LINE % (0, status)), tuple(samples))


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        pytest.param(soak_of(100, 300, 380, 400, 419, 410, 415, 419, 412), [], id="as wanted"),
        pytest.param(soak_of(100, 300, 380, 400, 421, 410, 415, 418, 412), [GREW], id="grown"),
        pytest.param(soak_of(380, 380, 380, 381, 385, 388, 391, 394, 398), [LEAKS], id="growing"),
        pytest.param(soak_of(380, 380, 380), [GREW], id="over before it had settled"),
        pytest.param(soak_of(*[400] * 9, status=2), ["no error"], id="an error"),
        pytest.param(soak_of(*[0] * 9), [GREW, LEAKS], id="unknown"),
    ],
)
def test_the_verdicts_on_a_soak_can_fail(found, missed, monkeypatch, tmp_path):
    monkeypatch.setattr(soak, "PROC", tmp_path)
    assert [name for name, holds in found.verdicts.items() if not holds] == missed
    assert soak.report(found).count("NO ") == len(missed)
    monkeypatch.setattr(soak, "PROC", tmp_path / "none")  # a system that tells no memory
    assert found.verdicts.keys() == {"no error"}
