"""The figures for a person and for a program: tables, plots and a file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from benchmarks.outcome import Quartiles, quartiles, spread
from benchmarks.serving.measure import Figure, Found, Health
from benchmarks.serving.servers import OURS
from service.bundle import write_atomically

# Of peers: matplotlib's own less its red, which is ours.
_OTHERS = ("C0", "C1", "C2", "C4", "C5", "C6", "C7", "C8", "C9", "black", "gold")
_MARKERS = "os^vDPX*<>hd"


@dataclass(frozen=True)
class Row:
    """One server at one load, over all rounds; what is None could not be had.

    Attributes:
        ours_is: ours divided by it, round by round: requests a second.
        fault: why it is worth nothing; "" where it is.
    """

    server: str
    case: str
    connections: int
    rounds: int
    per_second: Quartiles | None
    p50: float | None  # ms, median of the rounds
    p99: Quartiles | None  # ms
    ours_is: Quartiles | None
    fault: str


def rows(figures: Sequence[Figure]) -> list[Row]:
    """In the order in which they were measured first. One error in one round makes all of a row
    worthless."""
    groups: dict[tuple[str, str, int], list[Figure]] = {}
    for figure in figures:
        groups.setdefault((figure.server, figure.case, figure.connections), []).append(figure)
    return [
        _row(group, groups.get((OURS, case, connections), []))
        for (_, case, connections), group in groups.items()
    ]


def _row(own: Sequence[Figure], ours: Sequence[Figure]) -> Row:
    first = own[0]
    fault = next((figure.fault for figure in own if figure.fault), "")
    common = (first.server, first.case, first.connections, len(own))
    if fault:
        return Row(*common, None, None, None, None, fault)
    rate = {figure.round: figure.per_second for figure in ours if not figure.fault}
    ratios = [rate[f.round] / f.per_second for f in own if f.round in rate]
    return Row(
        *common,
        quartiles([figure.per_second for figure in own]),
        round(statistics.median(figure.milliseconds["50"] for figure in own), 3),
        quartiles([figure.milliseconds["99"] for figure in own]),
        quartiles(ratios) if ratios else None,
        "",
    )


def table(case: str, connections: int, rows: Sequence[Row]) -> str:
    """All servers at one load, the fastest first.

    >>> print(table("short", 32, rows))
    short, 32 connections
    server     requests/s (quartiles)    p50 ms  p99 ms (quartiles)     manytone is
    manytone      2500.0 (2400.0-2600.0)    10.1      20.0 (19.0-21.0)  1.00 (1.00-1.00)
    """
    here = [row for row in rows if (row.case, row.connections) == (case, connections)]
    width = max(6, *(len(row.server) for row in here))
    heading = (
        f"{'server':<{width}}  {'requests/s (quartiles)':>26}  {'p50 ms':>8}  "
        f"{'p99 ms (quartiles)':>24}  {OURS} is (quartiles)"
    )
    lines = [f"{case}, {connections} connection{'s' if connections > 1 else ''}", heading]
    lines += [_line(row, width) for row in sorted(here, key=_fastest_first)]
    return "\n".join(lines)


def _fastest_first(row: Row) -> float:
    return -row.per_second[1] if row.per_second else 1.0


def _line(row: Row, width: int) -> str:
    if row.fault:
        return f"{row.server:<{width}}  invalid: {row.fault}"
    return (
        f"{row.server:<{width}}  {spread(row.per_second, 1):>26}  {row.p50:>8.2f}  "
        f"{spread(row.p99, 2):>24}  {spread(row.ours_is, 2)}{' times it' * bool(row.ours_is)}"
    )


def tables(found: Found) -> str:
    """Every load, the health checks, the settings that were chosen, and who is left out."""
    summary = rows(found.figures)
    loads = dict.fromkeys((row.case, row.connections) for row in summary)
    parts = [table(case, connections, summary) for case, connections in loads]
    if found.health:
        parts.append(health_table(found.health))
    settings = [
        f"{name}, {load}: {dict(setting)}"
        for name, best in found.chosen.items()
        for load, setting in best.items()
        if setting
    ]
    if settings:
        parts.append("\n".join(["settings", *settings]))
    failed = [
        f"{name}, {dict(setting)}: {reason}"
        for name, each in found.failed.items()
        for setting, reason in each
    ]
    if failed:
        parts.append("\n".join(["settings that could not be measured", *failed]))
    if found.left_out:
        parts.append("\n".join(f"left out: {n}: {why}" for n, why in found.left_out.items()))
    return "\n\n".join(parts)


def health_table(health: Sequence[Health]) -> str:
    """Of several rounds the worst."""
    lines = [f"health checks of {OURS} under load   p99 ms   answers  failed"]
    for path, case, connections in dict.fromkeys((h.path, h.case, h.connections) for h in health):
        own = [h for h in health if (h.path, h.case, h.connections) == (path, case, connections)]
        worst = max(each.p99_milliseconds for each in own)
        answers, failed = sum(h.answers for h in own), sum(h.failed for h in own)
        what = f"{path}, {case}, {connections}"
        lines.append(f"{what:<33}  {worst:>7.1f}  {answers:>8}  {failed:>6}")
    return "\n".join(lines)


def plot(path: Path, rows: Sequence[Row]) -> None:
    """Throughput against p99, a panel for each case, a line for each server; PNG."""
    good = [row for row in rows if row.per_second and row.p99]
    cases = list(dict.fromkeys(row.case for row in good))
    if not cases:
        return
    servers = list(dict.fromkeys(row.server for row in good))
    # The names below need a width of their own.
    picture = Picture(figsize=(max(9, 5 * len(cases)), 6), layout="constrained")
    for panel, case in zip(picture.subplots(1, len(cases), squeeze=False)[0], cases, strict=True):
        for number, server in enumerate(servers):
            _draw(panel, number, [r for r in good if (r.case, r.server) == (case, server)])
        panel.set_title(case)
        panel.set_xlabel("requests a second")
        panel.set_ylabel("p99, ms")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.grid(alpha=0.3)
    handles = {h.get_label(): h for axes in picture.axes for h in axes.get_lines()}
    picture.legend(handles=list(handles.values()), loc="outside lower center", ncols=4)
    save(picture, path)


def _draw(panel: Axes, number: int, rows: Sequence[Row]) -> None:
    points = [(row.per_second[1], row.p99[1]) for row in rows if row.per_second and row.p99]
    if not points:
        return
    ours = rows[0].server == OURS
    panel.plot(
        *zip(*points, strict=True),
        marker=_MARKERS[number % len(_MARKERS)],
        color="tab:red" if ours else _OTHERS[(number - 1) % len(_OTHERS)],
        linewidth=2.5 if ours else 1,
        label=rows[0].server,
    )
    for row, point in zip(rows, points, strict=True):
        panel.annotate(str(row.connections), point, xytext=(4, 4), textcoords="offset points")


def save(picture: Picture, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nothing of time or version, so that the same figures give the same file.
    picture.savefig(path, dpi=120, metadata={"Software": None})


def content(found: Found, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the file holds: how it came to be, the rows, and every figure of every round."""
    return {
        **facts,
        "settings": found.chosen,
        "sweep": {
            name: [{"setting": setting, "worth": worth} for setting, worth in tried]
            for name, tried in found.sweep.items()
        },
        "failed": {
            name: [{"setting": setting, "reason": reason} for setting, reason in each]
            for name, each in found.failed.items()
        },
        "left_out": found.left_out,
        "rows": [asdict(row) for row in rows(found.figures)],
        "health": [asdict(each) for each in found.health],
        "figures": [asdict(figure) for figure in found.figures],
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_atomically(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())
