"""Answers for a person's eyes: tables, colours, and how wide a text is."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from service.archive import Metadata

if TYPE_CHECKING:  # it brings torch along
    from service.predictor import Prediction

# Backgrounds of a token, faint to strong, in colours that everybody can tell apart; the numbers are
# of xterm's 256 colours.
_FOR, _AGAINST = (153, 75, 33), (223, 215, 208)
_STEPS = (0.02, 0.1, 0.3)  # a change of the score from which on each of them stands

_BAR = "▏▎▍▌▋▊▉█"
_BAR_WIDTH = 10


def coloured() -> bool:
    """Whether standard output is a terminal whose user has nothing against colours
    (https://no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty()


def prediction(text: str, answer: Prediction) -> str:
    """
    >>> prediction("Not bad", answer)
    'positive  0.871  reviews-en  Not bad'
    """
    notes = [
        note
        for note, holds in (
            ("cut at the end", answer.truncated),
            ("nothing of it is known", answer.known == 0),
        )
        if holds
    ]
    end = f"  [{', '.join(notes)}]" if notes else ""
    return f"{answer.label}  {answer.score:.3f}  {answer.model}  {printable(text)}{end}"


def models(found: Sequence[Metadata], default: str) -> str:
    """One line each: name, language, version, labels and the accuracy on each test part."""
    rows = [("name", "language", "version", "labels", "accuracy")]
    for metadata in found:
        mark = " (default)" if metadata.name == default else ""
        rows.append(
            (
                metadata.name + mark,
                metadata.language,
                metadata.version,
                ", ".join(metadata.labels),
                _accuracies(metadata.figures),
            )
        )
    return table(rows)


def _accuracies(figures: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {100 * figure['accuracy']:.2f} %"
        for name, figure in figures.items()
        if isinstance(figure, Mapping) and "accuracy" in figure
    )


def explained(text: str, answer: Mapping[str, Any], *, colours: bool) -> str:
    """The answer of `POST /explain` to `text`: the text in colours, then a line for each token.

    Args:
        answer: as in JSON; `reading` has the tokens in order.
        colours: with ANSI's escapes; without them the table says it all.
    """
    label, score = answer["label"], answer["score"]
    lines = [f"{label} {score:.3f}  {answer['model']}", ""]
    if colours:
        shown = _shades(text, answer["reading"])
        lines += [shown, "", f"{_shade(' for ', 1.0)} and {_shade(' against ', -1.0)} {label}", ""]
    lines.append(_reading(answer["reading"], label, colours=colours))
    return "\n".join(lines)


def _shades(text: str, reading: Sequence[Mapping[str, Any]]) -> str:
    shown, end = [], 0
    for token in reading:
        begin = max(end, token["start"])  # a token may have no place of its own
        shown.append(printable(text[end:begin]))
        end = max(end, token["end"])
        shown.append(_shade(printable(text[begin:end]), token["added"]))
    return "".join((*shown, printable(text[end:])))


def _shade(shown: str, added: float) -> str:
    strength = sum(abs(added) >= step for step in _STEPS)
    if not shown or not strength:
        return shown
    colour = (_FOR if added > 0 else _AGAINST)[strength - 1]
    return f"\x1b[30;48;5;{colour}m{shown}\x1b[0m"


def _reading(reading: Sequence[Mapping[str, Any]], label: str, *, colours: bool) -> str:
    rows = [("read", "added", label, "")]
    for token in reading:
        rows.append(
            (
                printable(token["text"]).strip(),
                f"{token['added']:+.3f}",
                f"{token['score']:.3f}",
                _bar(token["score"]),
            )
        )
    lines = table(rows).split("\n")
    if not colours:
        return "\n".join(lines)
    shades = (_shade(line, token["added"]) for line, token in zip(lines[1:], reading, strict=True))
    return "\n".join((lines[0], *shades))


def _bar(share: float) -> str:
    """
    >>> _bar(0.55)
    '█████▌'
    """
    eighths = round(share * _BAR_WIDTH * 8)
    return "█" * (eighths // 8) + (_BAR[eighths % 8 - 1] if eighths % 8 else "")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns below each other, whatever the script; the last one is as wide as it is."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def width(text: str) -> int:
    """How many columns of a terminal a text takes.

    >>> width("good"), width("좋다"), width("e\\u0301")
    (4, 4, 1)
    """
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """The text on one line, and nothing in it that would command the terminal.

    >>> printable("a\\x1b[2Jb\\nc")
    'a␛[2Jb c'
    """
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character in "\n\r\t":
        return " "
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's pictures of control characters
    return (
        "\N{REPLACEMENT CHARACTER}" if 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 else character
    )
