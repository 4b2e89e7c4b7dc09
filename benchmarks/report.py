"""Figures for a person and for a program: a table, a plot and a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from service.bundle import write_atomically


@dataclass(frozen=True)
class Row:
    """One reader of texts, on one test part."""

    dataset: str
    reader: str
    ours: bool
    learnt_from: tuple[str, ...]  # data sets; none for a list of words
    texts: int
    accuracy: float  # 0 to 1
    calibration_error: float | None  # 0 to 1; None where there are no probabilities
    milliseconds: float  # of one text alone, median
    quartiles: tuple[float, float]  # of the same, in milliseconds
    megabytes: float


def table(rows: Sequence[Row]) -> str:
    """All readers of one test part, the most accurate first.

    >>> print(table(rows))
    sst2: 872 texts
    reader      accuracy  calibration error  ms a text (quartiles)      MB  learnt from
    tiny-en      85.21 %             4.01 %   0.52   (0.48-0.61)       6.8  imdb sst2 amazon
    """
    width = max(6, *(len(row.reader) for row in rows))
    return "\n".join(
        [
            f"{rows[0].dataset}: {rows[0].texts:,} texts",
            f"{'reader':<{width}}  accuracy  calibration error  ms a text (quartiles)        MB"
            "  learnt from",
            *(
                f"{row.reader:<{width}}  {100 * row.accuracy:6.2f} %  {_error(row):>17}  "
                f"{_times(row):>21}  {row.megabytes:8.1f}  {' '.join(row.learnt_from) or '-'}"
                for row in sorted(rows, key=lambda row: -row.accuracy)
            ),
        ]
    )


def _error(row: Row) -> str:
    return "-" if row.calibration_error is None else f"{100 * row.calibration_error:.2f} %"


def _times(row: Row) -> str:
    low, high = row.quartiles
    return f"{row.milliseconds:.2f} ({low:.2f}-{high:.2f})"


def plot(path: Path, rows: Sequence[Row]) -> None:
    """Accuracy against time per text, one panel for each test part, written as PNG."""
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    figure = Figure(figsize=(5 * len(datasets), 4), layout="constrained", dpi=120)
    panels = figure.subplots(1, len(datasets), squeeze=False)[0]
    for panel, dataset in zip(panels, datasets, strict=True):
        _draw(panel, [row for row in rows if row.dataset == dataset])
        panel.set_title(f"{dataset}, {rows[0].texts:,} texts" if len(datasets) == 1 else dataset)
    panels[0].set_ylabel("accuracy on the test part, %")
    figure.draw_without_rendering()  # now the panels have their sizes, and keep them
    figure.set_layout_engine("none")
    for panel, dataset in zip(panels, datasets, strict=True):
        _name(panel, [row for row in rows if row.dataset == dataset])
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nothing of time or version, so that the same figures give the same file.
    figure.savefig(path, metadata={"Software": None})


def _draw(panel: Axes, rows: Sequence[Row]) -> None:
    for row in rows:
        panel.plot(row.milliseconds, 100 * row.accuracy, "o", color=_colour(row))
    panel.set_xscale("log")
    panel.set_xlabel("ms a text, one at a time on one thread")
    panel.margins(x=0.35, y=0.12)  # room for the names
    panel.grid(alpha=0.3)


# Where a name may stand, in points from its reader's: first above it to the right, as one expects.
_PLACES = (
    ((5, 4), "left"), ((5, -12), "left"), ((-5, 4), "right"), ((-5, -12), "right"),
    ((0, 10), "center"), ((0, -18), "center"),
)  # fmt: skip


def _name(panel: Axes, rows: Sequence[Row]) -> None:
    """Write each reader's name where it covers no other; once the size of the panel is known."""
    points = {row.reader: (row.milliseconds, 100 * row.accuracy) for row in rows}
    middles = (panel.transData.transform(point) for point in points.values())
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in middles]
    for row in sorted(rows, key=lambda row: -row.accuracy):
        for place, side in _PLACES:
            name = panel.annotate(
                row.reader, points[row.reader], xytext=place, textcoords="offset points", ha=side,
                color=_colour(row),
            )  # fmt: skip
            box = name.get_window_extent()
            inside = panel.bbox.x0 <= box.x0 and box.x1 <= panel.bbox.x1
            if (inside and not box.count_overlaps(taken)) or (place, side) == _PLACES[-1]:
                taken.append(box)
                break
            name.remove()


def _colour(row: Row) -> str:
    return "tab:red" if row.ours else "tab:blue"


def write_json(path: Path, rows: Sequence[Row], facts: Mapping[str, Any]) -> None:
    """The rows, and `facts` about how they came to be."""
    content = {**facts, "rows": [asdict(row) for row in rows]}
    write_atomically(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())
