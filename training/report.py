"""The pictures beside a bundle's card: how it learnt, where it errs, how far its scores can be
trusted.

K is the number of classes. All that is drawn comes from one reading of the test parts
(`training/evaluate.py`), from the bundle's metadata, and from the steps of its run. The same
answers give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, PercentFormatter
from matplotlib.ticker import StrMethodFormatter as Format
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, precision_recall_curve

from service.bundle import Bundle, Metadata, write_atomically
from training.behave import behave, has_suite
from training.evaluate import Answers, calibration_error, confidence_bins
from training.steps import Step, read_steps

# What each picture shows, for those who see it and for those who do not.
PICTURES = {
    "learning-curves.png": "Learning curves: the loss of every step and the validation accuracy "
    "after every epoch, with the epoch that was kept.",
    "confusion.png": "Confusion matrices: for each data set, how many texts of each class got "
    "which answer, and what share of their class they are.",
    "reliability.png": "Reliability diagram: how often the answers of each level of confidence "
    "are right, and how many there are; on the diagonal a score means what it says.",
    "precision-recall.png": "Precision against recall at every threshold, one curve per data set.",
    "accuracy-by-length.png": "Accuracy by the length of the text in tokens, with 95 % intervals, "
    "and the number of texts of each length.",
    "behaviours.png": "Failure rate in the behaviour suite by capability, against the limits that "
    "each is held to.",
}

# Colours that people with any colour vision tell apart (Okabe and Ito 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_FAINT, _GREY = "#BBBBBB", "#666666"

_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": _GREY,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.dpi": 120,  # 960 points across, what a page shows without enlarging
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same pixels everywhere
    "font.size": 9,
    "grid.color": "#E5E5E5",
    "legend.fontsize": 8,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in the name of a class is a dollar
    "xtick.color": _GREY,
    "xtick.labelcolor": "black",
    "ytick.color": _GREY,
    "ytick.labelcolor": "black",
}
_WIDTH = 8.0  # inches
_FEWEST = 10  # texts of a length, to say how well it is read


def write_report(
    folder: Path, bundle: Bundle, tests: Mapping[str, Answers], steps: Path | None = None
) -> list[Path]:
    """Draw what can be drawn; pictures in `folder` that cannot be drawn any more are deleted.

    Args:
        tests: the bundle's answers to the test part of each data set, at least one, each with at
            least one text.
        steps: the steps of its run. Without it the learning curves have one point per epoch.

    Returns:
        The files that were written.

    Raises:
        TrainingError: `steps` holds something else.
    """
    tests = dict(sorted(tests.items()))
    labels = _plain(bundle.metadata.labels, "class")
    # Nobody's own settings of matplotlib: the pictures of two machines are to be alike.
    with matplotlib.style.context(["default", _STYLE]):
        drawn = {
            "learning-curves.png": _learning_curves(
                bundle.metadata, read_steps(steps) if steps else []
            ),
            "confusion.png": _confusion(tests, labels),
            "reliability.png": _reliability(tests),
            "precision-recall.png": _precision_recall(tests, labels),
            "accuracy-by-length.png": _accuracy_by_length(tests),
            "behaviours.png": _behaviours(bundle) if has_suite(bundle.metadata) else None,
        }
        return [folder / name for name, figure in drawn.items() if _written(folder / name, figure)]


def _written(path: Path, figure: Figure | None) -> bool:
    if figure is None:
        path.unlink(missing_ok=True)
        return False
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    # A palette takes a third of the room. What matplotlib notes of itself is left behind.
    Image.open(drawn).convert("RGB").quantize(128).save(small, format="png", optimize=True)
    write_atomically(path, small.getvalue())
    return True


# --- learning -------------------------------------------------------------------------------


def _learning_curves(metadata: Metadata, steps: Sequence[Step]) -> Figure | None:
    history = metadata.hyper_parameters.get("history", [])
    if not history and not steps:
        return None
    figure = Figure((_WIDTH, 3.2))
    left, right = figure.subplots(1, 2) if history else (figure.subplots(), None)
    left.set(title="Training loss", xlabel="epochs done", ylabel="cross-entropy")
    if steps:
        _losses(left, steps)
    else:
        left.plot([e["epoch"] for e in history], [e["loss"] for e in history], "o-", color=_GREY)
    if right is not None:
        _validation(right, metadata, history)
    for axes in figure.axes:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _losses(axes: Axes, steps: Sequence[Step]) -> None:
    """Every step faintly, and over it the mean of some fiftieth of all of them."""
    window = max(1, len(steps) // 50)
    epochs = _epochs_done(steps)
    hard = np.array([np.nan if s.adversarial_loss is None else s.adversarial_loss for s in steps])
    curves = {"loss": np.array([step.loss for step in steps]), "adversarial loss": hard}
    for (name, values), colour in zip(curves.items(), _COLOURS, strict=False):
        if np.isnan(values).all():
            continue
        axes.plot(epochs, values, color=colour, alpha=0.15, linewidth=0.4)
        means = np.convolve(values, np.full(window, 1 / window), mode="valid")
        axes.plot(
            epochs[window - 1 :], means, color=colour, label=f"{name}, mean of {window} steps"
        )
    shown = np.concatenate([values[np.isfinite(values)] for values in curves.values()])
    axes.set_ylim(0, 1.1 * float(np.quantile(shown, 0.998)))  # one wild step sets no scale
    axes.set_xlim(left=0)
    axes.legend(loc="upper right")


def _epochs_done(steps: Sequence[Step]) -> npt.NDArray[np.float64]:
    """How many epochs are done after each step: within an epoch, by the texts that were read."""
    texts = np.array([step.texts for step in steps])
    epochs = np.array([step.epoch for step in steps])
    done = np.empty(len(steps))
    for epoch in np.unique(epochs):
        read = np.cumsum(texts[epochs == epoch])
        done[epochs == epoch] = epoch - 1 + read / read[-1]
    return done


def _validation(axes: Axes, metadata: Metadata, history: Sequence[Mapping[str, float]]) -> None:
    epochs = [entry["epoch"] for entry in history]
    names = sorted({entry["name"] for entry in metadata.datasets}.intersection(history[0]))
    for name, shown, colour in _coloured(names):
        axes.plot(epochs, [entry[name] for entry in history], "o-", color=colour, label=shown)
    kept = metadata.hyper_parameters.get("best_epoch")
    if kept is not None:
        axes.axvline(kept, color=_GREY, linestyle=":", zorder=1, label="kept")
    axes.yaxis.set_major_formatter(_percent())
    axes.set(title="Validation accuracy", xlabel="epochs done")
    axes.legend()


# --- the test parts -------------------------------------------------------------------------


def _confusion(tests: Mapping[str, Answers], labels: Sequence[str]) -> Figure:
    across = 3 if len(labels) == 2 else 2 if len(labels) <= 5 else 1
    columns, size = min(across, len(tests)), _WIDTH / across
    rows = -(-len(tests) // columns)
    figure = Figure((columns * size, rows * (size + 0.2)))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(tests) :]:
        panel.set_visible(False)
    for axes, (name, shown, _) in zip(panels, _coloured(tests), strict=False):
        _matrix(axes, tests[name].confusion, labels)
        axes.set_title(shown)
    return figure


def _matrix(axes: Axes, counts: npt.NDArray[np.int64], labels: Sequence[str]) -> None:
    """The shares as shades; in numbers too if there is room, which more than twelve classes do
    not leave."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few = len(labels) == 2
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=0 if few else 90)
    axes.set_yticks(range(len(labels)), labels, rotation=90 if few else 0, va="center")
    axes.set(xlabel="answer", ylabel="right class")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for row, column in np.ndindex(counts.shape) if len(labels) <= 12 else ():
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{counts[row, column]:,}\n{100 * share:.{1 if few else 0}f} %",
            ha="center",
            va="center",
            color="white" if share > 0.5 else "black",
            fontsize=9 if few else 8,
        )


def _reliability(tests: Mapping[str, Answers]) -> Figure:
    """After Guo et al. 2017, figure 1, with the intervals of `_interval`."""
    figure = Figure((_WIDTH, 4.2))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for name, shown, colour in _coloured(tests):
        answers = tests[name]
        bins = confidence_bins(answers.probabilities)
        error = calibration_error(answers.probabilities, answers.labels)
        label = f"{shown}: calibration error {100 * error:.2f} %"
        _points(upper, {mean: answers.right[texts] for mean, texts in bins}, colour, label)
        shares = [len(texts) / len(answers.labels) for _, texts in bins]
        lower.plot([mean for mean, _ in bins], shares, "o-", color=colour, markersize=3)
    lowest = 1 / next(iter(tests.values())).probabilities.shape[1]
    upper.plot([lowest, 1], [lowest, 1], color=_GREY, linestyle=":", label="as right as it is sure")
    upper.set(title="Reliability: accuracy by confidence", ylabel="accuracy")
    upper.legend(loc="lower right")
    lower.set(xlabel="confidence: the score of the answer", ylabel="share of texts")
    lower.set_ylim(bottom=0)
    for axes in (upper, lower):
        axes.yaxis.set_major_formatter(_percent())
    lower.xaxis.set_major_formatter(_percent())
    return figure


def _precision_recall(tests: Mapping[str, Answers], labels: Sequence[str]) -> Figure | None:
    """Of two classes, the second; of more, the mean over each against all others. None if no text
    has such a class."""
    recall = np.linspace(0, 1, 201)[1:]
    figure = Figure((5, 3.6))
    axes = figure.subplots()
    for name, shown, colour in _coloured(tests):
        curves, areas = [], []
        for column in [1] if len(labels) == 2 else range(len(labels)):
            right = tests[name].labels == column
            if not right.any():  # a class that no text has
                continue
            scores = tests[name].probabilities[:, column]
            precisions, recalls, _ = precision_recall_curve(right, scores)  # from recall 1 to 0
            curves.append(precisions[::-1][np.searchsorted(recalls[::-1], recall)])
            areas.append(average_precision_score(right, scores))
        if curves:
            label = f"{shown}: average precision {100 * np.mean(areas):.1f} %"
            axes.plot(recall, np.mean(curves, axis=0), color=colour, label=label)
    if not axes.lines:
        return None
    of = f"“{labels[1]}”" if len(labels) == 2 else "mean of the classes"
    axes.set(title=f"Precision and recall: {of}", xlabel="recall", ylabel="precision")
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(_percent())
    axes.yaxis.set_major_formatter(_percent())
    axes.legend(loc="lower left")
    return figure


def _accuracy_by_length(tests: Mapping[str, Answers]) -> Figure:
    """In bins that double: up to 8 tokens, 9 to 16, 17 to 32 … A few texts of a length are
    counted, but say nothing of it."""
    longest = max(int(answers.tokens.max()) for answers in tests.values())
    ends = [8]
    while ends[-1] < longest:
        ends.append(2 * ends[-1])
    figure = Figure((_WIDTH, 4.8))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 2))
    for number, (name, shown, colour) in enumerate(_coloured(tests)):
        answers = tests[name]
        bins = np.searchsorted(ends, answers.tokens)
        beside = 0.8 / len(tests)
        groups = {
            b + beside * (number - (len(tests) - 1) / 2): answers.right[bins == b]
            for b in np.unique(bins)
        }
        counts = [len(group) for group in groups.values()]
        lower.bar(list(groups), counts, width=0.9 * beside, color=colour, label=shown)
        _points(upper, {p: group for p, group in groups.items() if len(group) >= _FEWEST}, colour)
    upper.set(title="Accuracy by length", ylabel="accuracy")
    upper.yaxis.set_major_formatter(_percent())
    figure.legend(loc="outside lower right", ncols=4)
    lower.set(xlabel="tokens", ylabel="texts", yscale="log")
    lower.yaxis.set_major_formatter(Format("{x:,.0f}"))
    lower.yaxis.set_minor_formatter(NullFormatter())
    begins = [f"{end // 2 + 1:,} to " for end in ends[1:]]
    texts = [f"{begin}{end:,}" for begin, end in zip(["up to ", *begins], ends, strict=True)]
    lower.xaxis.set_major_locator(FixedLocator(range(len(ends))))
    lower.set_xticklabels(texts)
    return figure


def _points(
    axes: Axes, groups: Mapping[float, npt.NDArray[np.bool_]], colour: str, label: str | None = None
) -> None:
    """The share of what is right in the group at each place, with its interval."""
    shares = np.array([group.mean() for group in groups.values()])
    ends = np.array([_interval(int(group.sum()), len(group)) for group in groups.values()])
    axes.errorbar(
        list(groups),
        shares,
        yerr=np.abs(ends.reshape(-1, 2).T - shares),
        fmt="o-",
        color=colour,
        elinewidth=0.8,
        markersize=4,
        label=label,
    )


def _interval(right: int, texts: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    found = binomtest(right, texts).proportion_ci(0.95, method="wilson")
    return found.low, found.high


# --- the behaviour suite --------------------------------------------------------------------


def _behaviours(bundle: Bundle) -> Figure:
    findings = behave(bundle)[::-1]  # the first one on top
    places = np.arange(len(findings))
    rates = np.array([finding.rate for finding in findings])
    limits = np.array([finding.capability.limit for finding in findings])
    names = _plain((finding.capability.name for finding in findings), "capability", most=40)
    figure = Figure((_WIDTH, 0.9 + 0.24 * len(findings)))
    axes = figure.subplots()
    over = rates > limits
    axes.barh(places, rates, color=[_COLOURS[int(each)] for each in over])
    lines = axes.vlines(limits, places - 0.45, places + 0.45, color="black", linewidth=1.2)
    for place, (rate, limit) in enumerate(zip(rates, limits, strict=True)):
        axes.text(max(rate, limit), place, f" {100 * rate:.1f} %", va="center", fontsize=8)
    axes.set(title="Failures by capability", xlabel="share of the cases that failed")
    axes.set_yticks(places, names)
    axes.set_xlim(0, 1.1 * float(max(*rates, *limits)))
    axes.set_ylim(-0.6, len(findings) - 0.4)
    axes.xaxis.set_major_formatter(_percent())
    axes.grid(visible=False, axis="y")
    within, beyond = (Patch(color=colour) for colour in _COLOURS[:2])  # no bar may be of its colour
    handles = {"within the limit": within, "over the limit": beyond, "limit": lines}
    figure.legend(handles.values(), handles, loc="outside lower right", ncols=3)
    return figure


# --- names, numbers and colours --------------------------------------------------------------


def _percent() -> PercentFormatter:
    return PercentFormatter(1, symbol=" %")


def _coloured(names: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Each data set's name, how it is drawn, and its colour."""
    return zip(names, _plain(names, "data set", most=30), cycle(_COLOURS))


def _plain(names: Iterable[str], instead: str, most: int = 14) -> list[str]:
    """Names as they can be drawn: cut at `most` characters, and by their number if the font has
    not all of them.

    >>> _plain(["negation (부정)", "좋다", "incomprehensibilities"], "class")
    ['negation', 'class 2', 'incomprehensi…']
    """
    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    plain = []
    for number, name in enumerate(names, 1):
        if not all(ord(character) in known for character in name):
            name = name.partition(" (")[0]
        if not name or not all(ord(character) in known for character in name):
            name = f"{instead} {number}"
        plain.append(name if len(name) <= most else name[: most - 1] + "…")
    return plain
