"""One reader per data set: the file as it is published in, texts with labels out.

Texts come in the file's own order (IMDB: in the order of the members' names), never shuffled.
Every reader raises `DataError` that names the file and the line or member at fault.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from training.datasets.archives import FETCH_AGAIN, gzip_content, tar_members, zip_member
from training.errors import DataError

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its class: its place in the labels of the data set (0 negative, 1 positive)."""

    text: str
    label: int


@dataclass(frozen=True, slots=True)
class Review:
    """An Amazon review: the example, with what a split has to know of it."""

    example: Example
    domain: str
    # Without the title: shops' customers posted one text under two titles.
    body: str


# --- IMDB -----------------------------------------------------------------------------------

_IMDB_LABELS = {"neg": 0, "pos": 1}


def imdb_training(path: Path) -> tuple[list[Example], list[str]]:
    """The labelled training reviews, and the unlabelled ones."""
    texts = _imdb_texts(path, ("train/neg", "train/pos", "train/unsup"))
    return _imdb_examples(texts, "train"), texts["train/unsup"]


def imdb_test(path: Path) -> list[Example]:
    return _imdb_examples(_imdb_texts(path, ("test/neg", "test/pos")), "test")


def _imdb_examples(texts: dict[str, list[str]], part: str) -> list[Example]:
    return [
        Example(text, label)
        for folder, label in _IMDB_LABELS.items()
        for text in texts[f"{part}/{folder}"]
    ]


def _imdb_texts(path: Path, folders: Collection[str]) -> dict[str, list[str]]:
    """The texts of `aclImdb/FOLDER/*.txt` for each folder, by the members' names."""
    member_name = re.compile(rf"aclImdb/({'|'.join(folders)})/[^/]+\.txt")
    members = dict(tar_members(path, lambda name: member_name.fullmatch(name) is not None))
    texts: dict[str, list[str]] = {folder: [] for folder in folders}
    for name in sorted(members):
        folder = name.removeprefix("aclImdb/").rpartition("/")[0]
        texts[folder].append(_without_breaks(_decoded(members[name], f"{path}, {name}")).strip())
    for folder in folders:
        if not texts[folder]:
            raise DataError(
                f"{path}: no texts in aclImdb/{folder}/. This is not the Large Movie Review "
                f"Dataset v1.0. {FETCH_AGAIN}"
            )
    return texts


# --- SST-2 ----------------------------------------------------------------------------------


def sst2(path: Path, member: str) -> list[Example]:
    """`SST-2/train.tsv` or `SST-2/dev.tsv`, tokenised still: `it 's n't bad , really .`"""
    where = f"{path}, {member}"
    lines = _lines(zip_member(path, member), where)
    header = lines[0].split("\t")
    if not {"sentence", "label"} <= set(header):
        raise DataError(
            f"{where}, line 1: expected the columns sentence and label, found {header}. "
            f"{FETCH_AGAIN}"
        )
    sentence, label = header.index("sentence"), header.index("label")
    return [
        # One blank between tokens, and none at the end, where GLUE's own files have one.
        Example(" ".join(columns[sentence].split()), _label(columns[label], place))
        for columns, place in _rows(lines[1:], len(header), where)
    ]


def written(examples: Sequence[Example]) -> list[Example]:
    """SST-2's examples with their texts as people write them.

    `` it 's n't `` bad '' , really ... `` -> ``it isn't "bad", really...``, lower case as before.
    """
    join = _detokenizer()
    return [Example(join(example.text.split()), example.label) for example in examples]


_SST2_TOKENS = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]"}

# What NLTK's detokenizer leaves as it is, or sets as newspapers do and reviewers do not.
_SST2_REWRITING = [
    (re.compile(r"` ?"), "'"),  # an opening single quote
    (re.compile(r"\\/"), "/"),
    (re.compile(r"(?<=\S) ?\.\.\. ?(?=[\w(])"), "... "),
    (re.compile(r"(?<=\S) \.\.\."), "..."),
    (re.compile(r"(?<=\.) \.$"), ""),  # "etc. ."
    (re.compile(r"(?<=\S)--(?=\S)"), " -- "),
    (re.compile(r"\(([b-z])\) (?=[a-z])"), r"(\1)"),  # "( t ) he film": a quotation's first word
]


def _detokenizer() -> Callable[[list[str]], str]:
    # NLTK takes seconds to import and only this reader needs it. The class is regular
    # expressions alone: it wants none of NLTK's downloads.
    from nltk.tokenize.treebank import TreebankWordDetokenizer

    nltk_join = TreebankWordDetokenizer().detokenize

    def join(tokens: list[str]) -> str:
        text: str = nltk_join([_SST2_TOKENS.get(token, token) for token in tokens])
        for pattern, replacement in _SST2_REWRITING:
            text = pattern.sub(replacement, text)
        return text.strip()

    return join


# --- Amazon ---------------------------------------------------------------------------------

_AMAZON_LABELS = {"negative": 0, "positive": 1}
_AMAZON_DOMAINS = ("books", "dvd", "electronics", "kitchen_&_housewares")

_RECORD = re.compile(r"^<review>\s*?\n(.*?)^</review>\s*?$", re.MULTILINE | re.DOTALL)


def amazon(path: Path) -> list[Review]:
    """All four domains, by domain and label. Records without any text are left out."""
    members = {
        f"sorted_data_acl/{domain}/{label}.review": (domain, label)
        for domain in _AMAZON_DOMAINS
        for label in _AMAZON_LABELS
    }
    contents = dict(tar_members(path, members.__contains__))
    reviews = []
    for name, (domain, label) in members.items():
        if name not in contents:
            raise DataError(f"{path}: no member {name}. {FETCH_AGAIN}")
        for record in _amazon_records(contents[name], f"{path}, {name}"):
            title, body = _tagged("title", record), _tagged("review_text", record)
            text = "\n".join(filter(None, (title, body)))
            # The title is part of what the customer wrote; the features that the authors
            # publish with the reviews count its words too.
            reviews.append(Review(Example(text, _AMAZON_LABELS[label]), domain, body))
    return _without_empty(reviews, lambda review: review.example.text, path)


def _amazon_records(content: bytes, where: str) -> Iterator[str]:
    """What stands between `<review>` and `</review>`, each tag on a line of its own.

    Not well-formed XML: `&` and `<` stand unescaped in one record and escaped twice in the next,
    so an XML parser stops at the first of them.
    """
    text = _amazon_decoded(content)
    end = 0
    for record in [*_RECORD.finditer(text), None]:
        between = text[end : record.start() if record else None]
        if between.strip():
            line = text.count("\n", 0, end) + 1
            raise DataError(
                f"{where}, after line {line}: expected a record from <review> to </review>, found "
                f"{between.strip()[:60]!r}. {FETCH_AGAIN}"
            )
        if record:
            end = record.end()
            yield record[1]


def _amazon_decoded(content: bytes) -> str:
    """UTF-8, and a line that is not UTF-8 as Windows-1252.

    This set alone is not decoded strictly: the shop's pages of 2006 were in Latin-1, the published
    files hold such bytes (as in cliché and sauté), and no field says which encoding it is.
    The few bytes that Windows-1252 does not define become U+FFFD.
    """
    return "\n".join(map(_utf8_or_windows, content.split(b"\n")))


def _utf8_or_windows(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _tagged(tag: str, record: str) -> str:
    """The text of an element, unescaped, or "" where the record has none."""
    found = re.search(rf"^<{tag}>(.*?)^</{tag}>", record, re.MULTILINE | re.DOTALL)
    return _without_breaks(_unescaped(found[1])).strip() if found else ""


def _unescaped(text: str) -> str:
    """`R&amp;amp;B` -> `R&B`: three times at most, the deepest that was found is two."""
    for _ in range(3):
        text, before = html.unescape(text), text
        if text == before:
            break
    return text


# --- NSMC -----------------------------------------------------------------------------------


def nsmc(path: Path) -> list[Example]:
    """`ratings_train.txt` or `ratings_test.txt`; a few documents are empty and left out."""
    lines = _lines(path.read_bytes(), str(path))
    if lines[0].split("\t") != ["id", "document", "label"]:
        raise DataError(
            f"{path}, line 1: expected the columns id, document and label, found {lines[0]!r}. "
            f"{FETCH_AGAIN}"
        )
    # No csv module: a quotation mark is a plain character here, and many are never closed.
    examples = [
        Example(document.strip(), _label(label, place))
        for (_, document, label), place in _rows(lines[1:], 3, str(path))
    ]
    return _without_empty(examples, lambda example: example.text, path)


def nsmc_unlabelled(path: Path) -> list[str]:
    """One review a line, in a `.gz`."""
    lines = _lines(gzip_content(path), str(path))
    return _without_empty([line.strip() for line in lines], str, path)


# --- what several formats share -------------------------------------------------------------


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where}, line {line}: byte {content[error.start]:#04x} is not UTF-8, expected UTF-8 "
            f"text. {FETCH_AGAIN}"
        ) from error


def _lines(content: bytes, where: str) -> list[str]:
    """At least one line. `str.splitlines` would also break at U+0085 and U+2028 inside a text."""
    return [line.removesuffix("\r") for line in _decoded(content, where).split("\n")]


def _rows(lines: list[str], width: int, where: str) -> Iterator[tuple[list[str], str]]:
    """The columns of each line after the header, and where the line stands."""
    for number, line in enumerate(lines, start=2):
        place = f"{where}, line {number}"
        columns = line.split("\t")
        if not line:
            continue
        if len(columns) != width:
            raise DataError(
                f"{place}: expected {width} columns between tabs, found {len(columns)}. "
                f"{FETCH_AGAIN}"
            )
        yield columns, place


def _label(label: str, place: str) -> int:
    if label not in ("0", "1"):
        raise DataError(f"{place}: expected the label 0 or 1, found {label!r}. {FETCH_AGAIN}")
    return int(label)


def _without_breaks(text: str) -> str:
    """`fine.<br /><br />But` -> `fine.\\n\\nBut`; other tags are rare and may be what was meant."""
    return re.sub(r"<br\s*/?>", "\n", text, flags=re.IGNORECASE)


def _without_empty(items: list[T], text: Callable[[T], str], path: Path) -> list[T]:
    kept = [item for item in items if text(item)]
    if len(kept) < len(items):
        logger.info("%s: left out %d empty texts", path.name, len(items) - len(kept))
    return kept
