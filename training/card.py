"""The model card: what a bundle is, what it was made of, how good it is and where it fails.

After Mitchell et al., Model Cards for Model Reporting (2019, https://arxiv.org/abs/1810.03993).
Every figure comes out of the bundle's metadata, so that the card cannot say something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from service.bundle import Metadata, write_atomically
from training.config import KNOBS, option
from training.datasets import DATASETS
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


def write_card(path: Path, metadata: Metadata) -> None:
    """Write `metadata` as Markdown, with the pictures in the folder `NAME/` beside `NAME.md`."""
    folder = path.with_suffix("")
    pictures = [f"{folder.name}/{name}" for name in PICTURES if (folder / name).exists()]
    write_atomically(path, card(metadata, pictures).encode())


def card(metadata: Metadata, pictures: Sequence[str] = ()) -> str:
    """The card as Markdown.

    Args:
        pictures: those that there are of `training.report.PICTURES`, as paths from the card.
    """
    language = _LANGUAGES.get(metadata.language, metadata.language)
    return "\n".join(
        [
            f"# {metadata.name}",
            "",
            f"Sentiment of {language} reviews: {', '.join(metadata.labels)}. Version "
            f"{metadata.version}, made at commit `{metadata.git_commit}` with torch "
            f"{metadata.torch_version} by",
            "",
            "```sh",
            command(metadata),
            "```",
            "",
            "## Figures",
            "",
            "On test parts that were not looked at while training or choosing:",
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
            "Measure them again:",
            "",
            "```sh",
            f"python -m training evaluate models/{metadata.name}.pt --dataset "
            + " ".join(metadata.figures),
            "```",
            "",
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
                        f"{entry['name']}: {entry['title']}",
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
            "Unlabelled texts serve the word vectors only. The texts themselves are not part of "
            "this repository.",
            "",
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
            "Accuracy on the validation parts at the epoch that was kept: "
            + ", ".join(
                f"{name} {100 * value:.2f} %"
                for name, value in metadata.hyper_parameters.get("validation", {}).items()
                if name in metadata.figures
            )
            + ".",
            "",
            "## Limits",
            "",
            _limits(metadata),
        ]
    )


def command(metadata: Metadata) -> str:
    """The command that makes this bundle again: every knob that is not at its default."""
    names = " ".join(entry["name"] for entry in metadata.datasets)
    used = metadata.hyper_parameters
    turned = [
        f"{option(knob.name)} {used[knob.name]}"
        for config in KNOBS.values()
        for knob in fields(config)
        if used.get(knob.name, knob.default) != knob.default
    ]
    return f'make train DATASET="{names}"' + (f' ARGS="{" ".join(turned)}"' if turned else "")


def _confusions(metadata: Metadata) -> list[str]:
    lines: list[str] = []
    for name, found in metadata.figures.items():
        rows = [
            (f"**{label}**", *(f"{count:,}" for count in row))
            for label, row in zip(metadata.labels, found["confusion"], strict=True)
        ]
        lines += [*_table((name, *metadata.labels), rows), ""]
    return lines


def _pictures(paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    shown = {path: PICTURES[path.rpartition("/")[2]] for path in paths}
    images = [line for path, text in shown.items() for line in (f"![{text}]({quote(path)})", "")]
    return ["## Pictures", "", *images]


def _source(entry: Mapping[str, Any]) -> list[str]:
    known = DATASETS.get(entry["name"])
    files = ", ".join(f"`{file['file']}` (SHA-256 `{file['sha256']}`)" for file in entry["files"])
    return [
        f"- {entry['name']}: {entry['citation']} Read from {files}."
        + (f" Test part: {known.test_part}" if known else "")
    ]


def _limits(metadata: Metadata) -> str:
    names = [entry["name"] for entry in metadata.datasets]
    domains = dict.fromkeys(DATASETS[name].domains for name in names if name in DATASETS)
    return _LIMITS.format(
        classes=" and ".join(metadata.labels),
        even=f"{1 / len(metadata.labels):.2f}",
        domains=", ".join(domains) or "the kind it was trained on",
        max_tokens=metadata.max_tokens,
    )


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
