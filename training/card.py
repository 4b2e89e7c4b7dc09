"""The model card: what a bundle is, what it was made of, how good it is and where it fails.

After Mitchell et al., Model Cards for Model Reporting (2019, https://arxiv.org/abs/1810.03993).
Every figure comes out of the bundle's metadata, so that the card cannot say something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from service.bundle import Metadata, write_atomically
from training.config import (
    BASE_DEFAULTS,
    DECIDED_BY_BASE,
    KNOBS,
    OWN_DEFAULTS,
    RECIPES,
    default_name,
    option,
)
from training.datasets import DATASETS
from training.lessons import GRAMMARS, LESSON_LABELS
from training.lessons.slips import SLIPS
from training.report import PICTURES

_LANGUAGES = {"en": "English", "ko": "Korean"}

_LIMITS = """\
- It knows {classes} and nothing between or beside them: a text without a tone gets one all the
  same, with a low score. Treat a score near {even} as "no opinion".
- It learnt from reviews of {domains}. On news, conversations or other languages it guesses.
- Irony, hints and knowledge of the world are beyond a network of this size; so is a text whose
  tone hangs on one rare word.
- It reads the first {max_tokens:,} subwords of a text, and says `truncated` when there were more.
- The reviews carry the opinions and prejudices of those who wrote them. Do not decide about people
  by its answers.
"""

_BALANCED = """\
- It was trained as if every class were as frequent as any other (`class_weights`), and so are its
  scores to be read: where a class is rare, its score is higher than the share of texts with that
  score that belong to it.
"""


def write_card(path: Path, metadata: Metadata) -> None:
    """Write `metadata` as Markdown, with the pictures in the folder `NAME/` beside `NAME.md`."""
    folder = path.with_suffix("")
    pictures = [f"{folder.name}/{name}" for name in PICTURES if (folder / name).exists()]
    clock = folder / "time.json"
    time = json.loads(clock.read_bytes()) if clock.exists() else None
    write_atomically(path, card(metadata, pictures, time).encode())


def card(
    metadata: Metadata, pictures: Sequence[str] = (), time: Mapping[str, int] | None = None
) -> str:
    """The card as Markdown.

    Args:
        pictures: those that there are of `training.report.PICTURES`, as paths from the card.
        time: the `seconds` that training took, on how many `threads`; None if nobody knows.
    """
    return "\n".join(
        [
            f"# {metadata.name}",
            "",
            f"{_subject(metadata.language)}: {', '.join(metadata.labels)}. Version "
            f"{metadata.version}, made at commit `{metadata.git_commit}` with torch "
            f"{metadata.torch_version} by",
            "",
            "```sh",
            command(metadata),
            "```",
            "",
            "## Figures",
            "",
            "On test parts, which training does not read:",
            "",
            *_table(
                ("data set", "texts", "accuracy", "F1 (macro)", "calibration error"),
                [
                    (
                        name,
                        f"{found['texts']:,}",
                        f"{100 * found['accuracy']:.2f} %",
                        f"{100 * found['f1']:.2f} %",
                        f"{100 * found['calibration_error']:.2f} %",
                    )
                    for name, found in metadata.figures.items()
                ],
            ),
            "",
            *_measured_again(metadata),
            "Which answers were given (a row is the right class, a column the answer):",
            "",
            *_confusions(metadata),
            *_pictures(pictures),
            "## Data",
            "",
            *_table(
                ("data set", "training", "validation", "unlabelled", "licence"),
                [
                    (
                        f"{entry['name']}: {entry['title']}" + _through(entry),
                        f"{entry['train']:,}",
                        f"{entry['validation']:,}",
                        f"{entry['unlabelled']:,}",
                        entry["licence"],
                    )
                    for entry in metadata.datasets
                ],
            ),
            "",
            *[line for entry in metadata.datasets for line in _source(entry)],
            "",
            f"{_unlabelled(metadata)}The texts themselves are not part of this repository.",
            "",
            *_of_our_own(metadata),
            "## Recipe",
            "",
            *_table(
                ("setting", "value"),
                [
                    (name, _value(value))
                    for name, value in sorted(metadata.hyper_parameters.items())
                    if name not in ("validation", "history")
                ],
            ),
            "",
            f"{_choice(metadata)} on the validation parts at the epoch that was kept: "
            + ", ".join(
                f"{name} {100 * value:.2f} %"
                for name, value in metadata.hyper_parameters.get("validation", {}).items()
                if name in metadata.figures
            )
            + ".",
            "",
            *_time(time),
            "## Limits",
            "",
            _limits(metadata),
        ]
    )


def command(metadata: Metadata) -> str:
    """The command that makes this bundle again: every knob that is not at its default."""
    turned = [f"{option(name)} {value}" for name, value in _turned(metadata).items()]
    if metadata.version != "1":
        turned.append(f"--bundle-version {metadata.version}")
    return _make(metadata) + (f' ARGS="{" ".join(turned)}"' if turned else "")


def _make(metadata: Metadata) -> str:
    """`make train` with what it was made of."""
    used = [entry for entry in metadata.datasets if "through" not in entry]
    base = metadata.hyper_parameters.get("base")
    start = f' FROM="models/{base}.pt"' if base else ""
    if not any(map(_is_own, used)):
        names = tuple(entry["name"] for entry in used)
        called = metadata.name != default_name(names, metadata.language, base)
        name = f' NAME="{metadata.name}"' if called else ""
        return f'make train DATASET="{" ".join(names)}"' + start + name
    (own,) = used
    columns = own["columns"]
    return (
        f'make train DATA="{own["name"]}" TEXT="{columns["text"]}" LABEL="{columns["label"]}" '
        f'LANGUAGE={metadata.language} NAME="{metadata.name}"{start}'
    )


def _turned(metadata: Metadata) -> dict[str, Any]:
    """The knobs that are not at what is the default for such data and such a start."""
    used = metadata.hyper_parameters
    knobs = [knob for config in KNOBS.values() for knob in fields(config)]
    plain = {knob.name: knob.default for knob in knobs}
    defaults = dict(plain)
    if any(map(_is_own, metadata.datasets)):
        defaults |= OWN_DEFAULTS
    read = tuple(entry["name"] for entry in metadata.datasets if "through" not in entry)
    defaults |= RECIPES.get(read, {})
    if "base" in used:  # it decides the sizes
        defaults |= BASE_DEFAULTS | {name: used[name] for name in DECIDED_BY_BASE if name in used}
    # A knob that is newer than the bundle was at its plain default.
    values = {name: used.get(name, plain[name]) for name in defaults}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _is_own(entry: Mapping[str, Any]) -> bool:
    """Whether it is a file of one's own: of these alone the columns have to be told."""
    return "columns" in entry and "through" not in entry


def _subject(language: str) -> str:
    if language in _LANGUAGES:
        return f"Sentiment of {_LANGUAGES[language]} reviews"
    return f"Sentiment of reviews (language: {language})"


def _measured_again(metadata: Metadata) -> list[str]:
    """How, for data that others have as well."""
    if not all(name in DATASETS for name in metadata.figures):
        return []
    return [
        "Measure them again:",
        "",
        "```sh",
        f"python -m training evaluate models/{metadata.name}.pt --dataset "
        + " ".join(metadata.figures),
        "```",
        "",
    ]


def _through(entry: Mapping[str, Any]) -> str:
    return f" (through {entry['through']})" if "through" in entry else ""


def _choice(metadata: Metadata) -> str:
    balanced = metadata.hyper_parameters.get("class_weights") == "balanced"
    return "Balanced accuracy" if balanced else "Accuracy"


def _confusions(metadata: Metadata) -> list[str]:
    lines: list[str] = []
    for name, found in metadata.figures.items():
        rows = [
            (f"**{label}**", *(f"{count:,}" for count in row))
            for label, row in zip(metadata.labels, found["confusion"], strict=True)
        ]
        lines += [*_table((name, *metadata.labels), rows), ""]
    return lines


def _unlabelled(metadata: Metadata) -> str:
    used = metadata.hyper_parameters
    if not any(entry["unlabelled"] for entry in metadata.datasets if "through" not in entry):
        return ""
    served = ["word vectors"] if used.get("vector_epochs") else []
    student = used.get("student")
    own_width = student and any(
        used.get(f"teacher_{size}") not in (None, 0, used[size])
        for size in ("hidden_size", "embedding_size")
    )
    models = used.get("lm_epochs") or (own_width and used.get("teacher_lm_epochs"))
    served += ["the language model"] if models else []
    served += ["the student, who learns the teachers' answers to them"] if student else []
    return f"Unlabelled texts serve {_listed(served)}. " if served else ""


def _of_our_own(metadata: Metadata) -> list[str]:
    used, language = metadata.hyper_parameters, metadata.language
    taught = language in GRAMMARS and metadata.labels == LESSON_LABELS
    slips = language in SLIPS and bool(used.get("student"))
    texts = [
        (taught, "lessons", "about {:,} that show negation, contrast and the like"),
        (taught, "written", "{:,} that were written one by one, or are misspelt copies of these"),
        (True, "toneless", "{:,} without a tone"),
        (slips, "slips", "at most {:,} misspelt copies of the short ones above"),
    ]
    read = [text.format(used[name]) for applies, name, text in texts if applies and used.get(name)]
    if not read:
        return []
    return [f"It also read texts of our own making (`training/lessons/`): {_listed(read)}.", ""]


def _time(time: Mapping[str, int] | None) -> list[str]:
    if time is None:
        return []
    minutes = max(1, round(time["seconds"] / 60))
    spent = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    threads = f"{time['threads']} thread{'s' * (time['threads'] != 1)}"
    return [f"Training took {spent} with {threads}.", ""]


def _pictures(paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    shown = {path: PICTURES[path.rpartition("/")[2]] for path in paths}
    images = [line for path, text in shown.items() for line in (f"![{text}]({quote(path)})", "")]
    return ["## Pictures", "", *images]


def _source(entry: Mapping[str, Any]) -> list[str]:
    known = DATASETS.get(entry["name"])
    test_part = known.test_part if known else entry.get("test_part")
    left_out = entry.get("left_out", {})
    files = ", ".join(f"`{file['file']}` (SHA-256 `{file['sha256']}`)" for file in entry["files"])
    sentences = [
        f"- {entry['name']}:",
        entry["citation"],
        f"Read from {files}.",
        f"Test part: {test_part}" if test_part else "",
        "Rows left out: " + ", ".join(f"{n:,} {reason}" for reason, n in left_out.items()) + "."
        if left_out
        else "",
    ]
    return [" ".join(filter(None, sentences))]


def _limits(metadata: Metadata) -> str:
    # What others' reviews were about says nothing of one's own.
    own = any(map(_is_own, metadata.datasets))
    names = [] if own else [entry["name"] for entry in metadata.datasets]
    domains = dict.fromkeys(DATASETS[name].domains for name in names if name in DATASETS)
    limits = _LIMITS.format(
        classes=_listed(metadata.labels),
        even=f"{1 / len(metadata.labels):.2f}",
        domains=", ".join(domains) or "the kind it was trained on",
        max_tokens=metadata.max_tokens,
    )
    balanced = metadata.hyper_parameters.get("class_weights") == "balanced"
    return limits + (_BALANCED if balanced else "")


def _listed(names: Sequence[str]) -> str:
    """
    >>> _listed(["negative", "neutral", "positive"]), _listed(["word vectors"])
    ('negative, neutral and positive', 'word vectors')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        _row(head),
        "|" + " --- |" * len(head),
        *map(_row, rows),
    ]


def _row(cells: Sequence[str]) -> str:
    # A label or a file's name may hold what Markdown takes for the end of a cell.
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
