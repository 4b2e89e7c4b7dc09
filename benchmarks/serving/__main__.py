"""`python -m benchmarks.serving`: our service, a route that does nothing, and peers, under load.

What is compared, and how it is kept fair:

- All run on this machine, one at a time, on all of its cores, with wrk beside them; the same texts
  for all, made by us in the lengths of real reviews (`texts.py`).
- Each peer runs twice, for each load at the best of a small sweep of its own settings: with the
  code that its documentation teaches, and with our `Predictor` in it, which shows what HTTP costs.
  Ours runs as `make serve` starts it.
- Servers have their turn in every round, and the ratio is taken within a round: medians of the
  rounds, with quartiles.
- Requests of many texts are also read by the network alone, on all cores and without a server.
- The first answers of each are checked against the bundle's own, and a single error under load
  makes its figure invalid.

wrk asks again as soon as it has an answer, so its latencies are those of that many clients who
wait. To their percentiles it adds what it calls coordinated omission: for each answer that took
more than twice the mean those that clients with a steady rate would have waited for meanwhile. A
server that stalls now and then has a far higher p99 by it than by its answers alone.

What documentation teaches loads the bundle as a TorchScript module, which computes in float32; ours
and our `Predictor` compute in bfloat16 where the processor has it. The file says in which.

With `--cost` and `--soak` it is our service alone: what it takes as things grow, and whether it
holds for long.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.machine import described
from benchmarks.options import MODELS, at_least, folder_of
from benchmarks.serving import cost, load, soak
from benchmarks.serving.measure import Found, Plan, measured
from benchmarks.serving.reading import BUNDLE
from benchmarks.serving.report import content, plot, rows, tables, write_json
from benchmarks.serving.running import ROOT, SERVERS_PYTHON, NotMeasured, Place, installed
from benchmarks.serving.servers import OURS, servers
from benchmarks.serving.texts import CASES
from service.bundle import Bundle, BundleError, load_bundle
from service.settings import usable_cores

CONNECTIONS = (1, 8, 32, 128)
SECONDS, ROUNDS, SWEEP_SECONDS = 5.0, 5, 2.0
SOAK_MINUTES = 15


PEERS = (
    *("mosec", "litserve", "bentoml", "fastapi", "uvicorn", "starlette", "granian"),
    *("torch", "numpy", "sentencepiece"),
)
OURS_OF = ("flask", "gunicorn", "werkzeug", "torch", "numpy", "sentencepiece")


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write down; the exit code is 0, 1 where nothing could be measured or a soak
    did not hold, 2 for a wrong command line or without wrk, 130 after Ctrl-C."""
    options = _options(arguments)
    if load.missing():
        print(f"error: {load.MISSING}", file=sys.stderr)
        return 2
    # As Ctrl-C: the server under load is to end with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        bundle = load_bundle(options.models / f"{BUNDLE}.pt", precision="auto")  # as served
        place = Place(options.models, usable_cores())
        if options.cost:
            return _cost(options, place, bundle)
        if options.soak:
            return _soak(options, place, bundle)
        return _compare(options, place, bundle)
    except (BundleError, NotMeasured, load.LoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def _compare(options: argparse.Namespace, place: Place, bundle: Bundle) -> int:
    known, found = servers(place.cores), Found()
    plan = Plan(
        servers=[known[name] for name in options.servers or known],
        cases=[CASES[name] for name in options.cases],
        connections=sorted(set(options.connections)),
        rounds=options.rounds,
        seconds=options.seconds,
        sweep_seconds=0 if options.quick else min(SWEEP_SECONDS, options.seconds),
        place=place,
        bundle=bundle,
    )
    try:
        with tqdm(total=plan.loads(), unit="load", disable=None) as bar:
            measured(plan=_told(plan, bar), found=found)
    finally:  # after Ctrl-C too: what there is, is shown
        print(tables(found), flush=True)
    summary = rows(found.figures)
    whole = _is_whole(options) and not found.left_out
    path = (options.output or folder_of(whole=whole)) / options.name
    facts = {**_facts(options, bundle), "rounds": options.rounds, "quick": options.quick}
    write_json(path.with_suffix(".json"), content(found, facts))
    plot(path.with_suffix(".png"), summary)
    print(f"wrote {path}.json and {path}.png", flush=True)
    wanted = [
        row for row in summary if row.server == OURS or OURS not in (options.servers or [OURS])
    ]
    return 0 if any(row.per_second for row in wanted) else 1


def _told(plan: Plan, bar: Any) -> Plan:
    def advance(what: str) -> None:
        bar.set_description_str(what)
        bar.update()

    return replace(plan, advance=advance)


def _cost(options: argparse.Namespace, place: Place, bundle: Bundle) -> int:
    found: list[cost.Cost] = []
    total = sum(map(len, (cost.LENGTHS, cost.BATCHES, cost.CONNECTIONS, cost.BUNDLES)))
    with tqdm(total=total, unit="load", disable=None) as bar:

        def done(each: cost.Cost) -> None:
            found.append(each)
            bar.set_description_str(f"{each.value:,} {each.of}")
            bar.update()

        cost.costs(servers(place.cores)[OURS], place, bundle, options.seconds, done)
    print(cost.table(found), flush=True)
    whole = options.seconds >= SECONDS and options.models == MODELS
    path = (options.output or folder_of(whole=whole)) / "cost"
    write_json(path.with_suffix(".json"), {**_facts(options, bundle), **cost.content(found)})
    cost.plot(path.with_suffix(".png"), found)
    print(f"wrote {path}.json and {path}.png", flush=True)
    return 0


def _soak(options: argparse.Namespace, place: Place, bundle: Bundle) -> int:
    with tqdm(total=round(60 * options.soak), unit="s", disable=None) as bar:

        def advance(sample: soak.Sample) -> None:
            bar.set_description_str(f"{sample.megabytes:.0f} MB")
            bar.update(round(sample.seconds) - bar.n)

        found = soak.soaked(
            servers(place.cores)[OURS], place, bundle, options.soak, max(options.connections),
            advance,
        )  # fmt: skip
    print(soak.report(found), flush=True)
    whole = options.soak >= SOAK_MINUTES and options.models == MODELS
    path = (options.output or folder_of(whole=whole)) / "soak.json"
    facts = {
        **_facts(options, bundle),
        "minutes": options.soak,
        "connections": max(options.connections),
    }
    write_json(path, {**facts, "verdicts": found.verdicts, **asdict(found)})
    print(f"wrote {path}", flush=True)
    return 0 if all(found.verdicts.values()) else 1


def _facts(options: argparse.Namespace, bundle: Bundle) -> dict[str, Any]:
    """Where and how it was measured."""
    return {
        "machine": {**described(), "system": platform.system(), "wrk": load.wrk_version()},
        "ours": installed(Path(sys.executable), OURS_OF),
        "peers": installed(ROOT / SERVERS_PYTHON, PEERS),
        "precision": {
            "ours and our Predictor": bundle.precision,
            "as documented": "float32",
        },
        "seconds": options.seconds,
    }


def _is_whole(options: argparse.Namespace) -> bool:
    """A part of the comparison must not take the place of all of it, nor one of other bundles."""
    return not (
        options.servers
        or options.quick
        or set(options.cases) != set(CASES)
        or set(options.connections) != set(CONNECTIONS)
        or options.seconds < SECONDS
        or options.rounds < ROUNDS
        or options.models != MODELS
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.soak is not None and options.soak < 2:
        parser.error("--soak: from 2 minutes on, for what counts is what follows the first")
    quick = options.quick
    options.cases = options.cases or (["short", "long"] if quick else list(CASES))
    options.connections = options.connections or ([1, 32] if quick else list(CONNECTIONS))
    options.seconds = options.seconds or (1.0 if quick else SECONDS)
    options.rounds = options.rounds or (2 if quick else ROUNDS)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description="Our service, a route that does nothing, and peers, under the load of wrk: "
        "requests a second and latency. The whole comparison goes to benchmarks/results, a part of "
        "it to runs/benchmarks.",
    )
    names = list(servers(usable_cores()))
    parser.add_argument(
        "--servers", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument(
        "--connections", nargs="+", type=at_least(1), metavar="N", help="1 8 32 128"
    )
    parser.add_argument(
        "--seconds", type=_seconds, help=f"of a load, rounded up to whole ones; {SECONDS:.0f}"
    )
    parser.add_argument("--rounds", type=at_least(1), help=f"{ROUNDS}")
    parser.add_argument(
        "--quick", action="store_true", help="a first look: no sweep, fewer and shorter loads"
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the bundles")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where files go, in any case")
    parser.add_argument("--name", default="serving", help="what the comparison's files are called")
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument(
        "--cost", action="store_true",
        help="ours alone: time and memory against length, texts, connections and bundles",
    )  # fmt: skip
    alone.add_argument(
        "--soak", type=float, metavar="MINUTES",
        help="ours alone at full load of mixed lengths; fails if memory grows or a request fails",
    )  # fmt: skip
    return parser


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= 600:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
