"""Rounds: every server has its turn in each, so that what disturbs the machine for a while disturbs
all; and ratios are taken within a round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from benchmarks.serving import load, network
from benchmarks.serving.probe import PATHS, p99, probing
from benchmarks.serving.running import NotMeasured, Place, Running, check, started
from benchmarks.serving.servers import OURS, Request, Server, Setting
from benchmarks.serving.texts import Case, Count, requests
from service.bundle import Bundle

# Different requests of a case; a server that kept its answers would still be asked as many.
BODIES = 256

# Before anything counts: TorchScript compiles at its first calls, in each process.
WARM_UP = {"connections": 16, "seconds": 2}


@dataclass(frozen=True)
class Cell:
    """One load of a server."""

    case: str
    connections: int

    @property
    def name(self) -> str:
        return f"{self.case}, {self.connections}"


@dataclass(frozen=True)
class Figure:
    """What one load of one server came to, in one round.

    Attributes:
        fault: why it is worth nothing; "" where it is.
    """

    server: str
    case: str
    connections: int
    round: int
    per_second: float  # requests
    milliseconds: dict[str, float]  # percentile -> latency
    fault: str


@dataclass(frozen=True)
class Health:
    """How long health checks of ours took while it was under load, in one round."""

    path: str
    case: str
    connections: int
    round: int
    answers: int
    failed: int
    p99_milliseconds: float


@dataclass
class Found:
    """Everything that was measured so far.

    Attributes:
        left_out: server -> why it was not measured, or not to the end.
        chosen: server -> the best of its settings for each load, by its name.
        sweep: server -> what each setting came to in each of them: requests a second.
        failed: server -> the settings with which it could not be measured, and why.
    """

    figures: list[Figure] = field(default_factory=list)
    health: list[Health] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, dict[str, Setting]] = field(default_factory=dict)
    sweep: dict[str, list[tuple[Setting, dict[str, float]]]] = field(default_factory=dict)
    failed: dict[str, list[tuple[Setting, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """
    Attributes:
        cases: at least one.
        connections: at least one, in rising order.
        seconds: of one load.
        sweep_seconds: of one load of the sweep; 0 takes each server's first setting.
        advance: told of each load that is done.
    """

    servers: Sequence[Server]
    cases: Sequence[Case]
    connections: Sequence[int]
    rounds: int
    seconds: float
    sweep_seconds: float
    place: Place
    bundle: Bundle
    advance: Callable[[str], None] = lambda _: None

    def cells(self, server: Server) -> list[Cell]:
        return [
            Cell(case.name, connections)
            for case in self.cases_of(server)
            for connections in self.connections
        ]

    def cases_of(self, server: Server) -> list[Case]:
        """Those that were asked for; a server that reads no texts has one of its own."""
        asked = [case for case in self.cases if not server.cases or case.name in server.cases]
        return asked or [self.cases[0]]

    @property
    def cases_of_the_network(self) -> list[Case]:
        """Where a request fills a forward pass, and so says by itself what the network takes."""
        return [case for case in self.cases if case.texts > 1]

    def sweeps(self, server: Server) -> bool:
        return self.sweep_seconds > 0 and len(server.settings) > 1

    def loads(self) -> int:
        """How many there will be."""
        swept = sum(
            len(server.settings) * len(self.cells(server))
            for server in self.servers
            if self.sweeps(server)
        )
        ours = any(server.name == OURS for server in self.servers)
        beside = ours * (len(self.cases) + len(self.cases_of_the_network))  # health checks, network
        return swept + self.rounds * (beside + sum(len(self.cells(s)) for s in self.servers))


def measured(plan: Plan, found: Found) -> None:
    """Sweep, then the rounds; `found` has what there is at any moment, also after Ctrl-C."""
    bodies = _texts(plan.cases, lambda text: len(plan.bundle.tokenizer.encode(text)))
    for server in plan.servers:
        try:
            found.chosen[server.name] = _best(plan, server, bodies, found)
        except NotMeasured as reason:
            found.left_out[server.name] = str(reason)
    for number in range(plan.rounds):
        taking_part = [server for server in plan.servers if server.name not in found.left_out]
        # Another begins each time, so that nobody is always behind the same one.
        first = number % max(1, len(taking_part))
        for server in [*taking_part[first:], *taking_part[:first]]:
            try:
                _turn(plan, server, number, bodies, found)
            except (NotMeasured, load.LoadError) as reason:
                found.left_out[server.name] = str(reason)
        if any(server.name == OURS for server in taking_part):
            _read_alone(plan, number, bodies, found)


def _texts(cases: Sequence[Case], count: Count) -> dict[str, list[list[str]]]:
    """Case -> the texts of each request; the same for all servers."""
    return {case.name: list(islice(requests(case, count, seed=1), BODIES)) for case in cases}


def _best(
    plan: Plan, server: Server, bodies: Mapping[str, list[list[str]]], found: Found
) -> dict[str, Setting]:
    """For each load: what serves short texts best need not serve long ones, and what serves one
    client best, who waits for each answer, need not serve many."""
    if not plan.sweeps(server):
        return {cell.name: server.settings[0] for cell in plan.cells(server)}
    tried: list[tuple[Setting, dict[str, float]]] = []
    failed: list[tuple[Setting, str]] = []
    for setting in server.settings:
        try:
            tried.append((setting, _worth(plan, server, setting, bodies)))
        except (NotMeasured, load.LoadError) as reason:
            failed.append((setting, str(reason)))
            if "not installed" in str(reason):
                break
    if not tried:
        raise NotMeasured(failed[0][1])
    found.sweep[server.name] = tried
    if failed:
        found.failed[server.name] = failed
    return best_for_each(tried)


def best_for_each(tried: Sequence[tuple[Setting, Mapping[str, float]]]) -> dict[str, Setting]:
    """Load -> the setting that was worth most in it, the first of equals."""
    best: dict[str, Setting] = {}
    for load_name in tried[0][1]:
        worths = [worth[load_name] for _, worth in tried]
        best[load_name] = tried[worths.index(max(worths))][0]
    return best


def _worth(
    plan: Plan, server: Server, setting: Setting, bodies: Mapping[str, list[list[str]]]
) -> dict[str, float]:
    """Load of the sweep -> requests a second; one with an error in it is worth nothing."""
    rates: dict[str, float] = {}
    with started(server, setting, plan.place) as running:
        check(server, running.port, plan.bundle)
        _warm_up(server, running, bodies, [case.name for case in plan.cases_of(server)])
        for cell in plan.cells(server):
            plan.advance(f"{server.name} {dict(setting)}")
            done = _load(server, running, cell, bodies, plan.sweep_seconds)
            rates[cell.name] = 0.0 if done.fault else done.per_second
    return rates


def _turn(
    plan: Plan, server: Server, number: int, bodies: Mapping[str, list[list[str]]], found: Found
) -> None:
    """One round of a server, started once for each setting that is the best for some load."""
    chosen = found.chosen[server.name]
    settings = [s for n, s in enumerate(chosen.values()) if s not in list(chosen.values())[:n]]
    for setting in settings:
        cells = [cell for cell in plan.cells(server) if chosen[cell.name] == setting]
        cases = list(dict.fromkeys(cell.case for cell in cells))
        with started(server, setting, plan.place) as running:
            check(server, running.port, plan.bundle)
            _warm_up(server, running, bodies, cases)
            for cell in cells:
                _measure(plan, server, running, cell, number, bodies, found)
            for case in cases if server.name == OURS else []:
                plan.advance(f"round {number + 1}: health checks, {case}")
                cell = Cell(case, plan.connections[-1])
                found.health += _probed(server, running, cell, bodies, plan.seconds, number)


def _measure(
    plan: Plan,
    server: Server,
    running: Running,
    cell: Cell,
    number: int,
    bodies: Mapping[str, list[list[str]]],
    found: Found,
) -> None:
    plan.advance(f"round {number + 1}: {server.name}, {cell.case}, {cell.connections}")
    done = _load(server, running, cell, bodies, plan.seconds)
    found.figures.append(
        Figure(
            server.name, cell.case, cell.connections, number,
            round(done.per_second, 2), done.milliseconds, done.fault,
        )
    )  # fmt: skip


def _read_alone(
    plan: Plan, number: int, bodies: Mapping[str, list[list[str]]], found: Found
) -> None:
    """What the network alone makes of a case, which is the same for any number of connections."""
    for case in plan.cases_of_the_network:
        plan.advance(f"round {number + 1}: {network.NAME}, {case.name}")
        try:
            done = network.run(plan.place, bodies[case.name], plan.seconds)
        except NotMeasured as reason:
            found.left_out[network.NAME] = str(reason)
            return
        found.figures += [
            Figure(
                network.NAME, case.name, connections, number,
                round(done.per_second, 2), done.milliseconds, "",
            )
            for connections in plan.connections
        ]  # fmt: skip


def _warm_up(
    server: Server, running: Running, bodies: Mapping[str, list[list[str]]], cases: Sequence[str]
) -> None:
    for case in cases:
        cell = Cell(case, int(WARM_UP["connections"]))
        _load(server, running, cell, bodies, WARM_UP["seconds"])


def _probed(
    server: Server,
    running: Running,
    cell: Cell,
    bodies: Mapping[str, list[list[str]]],
    seconds: float,
    number: int,
) -> list[Health]:
    """A load of its own: the checks would take from what the server's figure shows."""
    with probing(running.port) as probes:
        _load(server, running, cell, bodies, seconds)
    return [
        Health(
            path, cell.case, cell.connections, number, len(probes.milliseconds[path]),
            probes.failed[path], round(p99(probes.milliseconds[path]), 2),
        )
        for path in PATHS
    ]  # fmt: skip


def _load(
    server: Server,
    running: Running,
    cell: Cell,
    bodies: Mapping[str, list[list[str]]],
    seconds: float,
) -> load.Load:
    requests_: list[Request] = [server.speech.request(texts) for texts in bodies[cell.case]]
    return load.run(running.port, requests_, cell.connections, seconds)
