"""The readers and loaders, on tiny files of our own with the layout of the published ones."""

from __future__ import annotations

import gzip
import logging
import os
from pathlib import Path

import pytest
from made_mirror import add_sums, sha256, tar_gz, zipped

from training.datasets import DATASETS, Example, Source, Store, load_development, load_test
from training.datasets.readers import (
    amazon,
    imdb_test,
    imdb_training,
    nsmc,
    nsmc_unlabelled,
    sst2,
    written,
)
from training.datasets.splits import folded
from training.errors import DataError

Members = dict[str, bytes]


# --- IMDB -----------------------------------------------------------------------------------

IMDB: Members = {
    "aclImdb/README": b"\xff not a text",
    "aclImdb/test/urls_pos.txt": b"http://films.invalid/1",
    "aclImdb/test/pos/0_9.txt": b"Held out, and good.",
    "aclImdb/test/neg/0_2.txt": b"Held out, and bad.",
    "aclImdb/train/pos/1_8.txt": "Très bien.<br /><br />R&amp;B at its best.".encode(),
    "aclImdb/train/pos/0_9.txt": b" We laughed.<BR/>Twice. ",
    "aclImdb/train/neg/0_1.txt": b"I want <i>my</i> evening back.",
    "aclImdb/train/unsup/0_0.txt": b"It was a film.<br />It ended.",
    "aclImdb/train/labeledBow.feat": b"9 0:7",
}


def imdb_file(folder: Path, **changes: bytes) -> Path:
    return tar_gz(folder / "aclImdb_v1.tar.gz", IMDB | changes)


def test_imdb_training_has_both_classes_and_the_unlabelled_by_member_name(tmp_path: Path) -> None:
    labelled, unlabelled = imdb_training(imdb_file(tmp_path))
    assert labelled == [
        Example("I want <i>my</i> evening back.", 0),
        Example("We laughed.\nTwice.", 1),
        Example("Très bien.\n\nR&amp;B at its best.", 1),
    ]
    assert unlabelled == ["It was a film.\nIt ended."]


def test_imdb_test_is_the_official_test_part(tmp_path: Path) -> None:
    assert imdb_test(imdb_file(tmp_path)) == [
        Example("Held out, and bad.", 0),
        Example("Held out, and good.", 1),
    ]


def test_imdb_text_that_is_not_utf8_is_an_error_that_names_the_member(tmp_path: Path) -> None:
    path = imdb_file(tmp_path, **{"aclImdb/train/neg/0_1.txt": b"clich\xe9"})
    with pytest.raises(DataError, match=r"aclImdb_v1.*train/neg/0_1\.txt, line 1.*0xe9.*UTF-8"):
        imdb_training(path)


def test_imdb_without_one_of_its_folders_is_an_error(tmp_path: Path) -> None:
    path = tar_gz(tmp_path / "x.tar.gz", {k: v for k, v in IMDB.items() if "/unsup/" not in k})
    with pytest.raises(DataError, match="no texts in aclImdb/train/unsup/"):
        imdb_training(path)


# --- SST-2 ----------------------------------------------------------------------------------


def sst2_file(folder: Path, rows: str) -> Path:
    members = {"SST-2/train.tsv": rows.encode(), "SST-2/dev.tsv": b"sentence\tlabel\nfine .\t1\n"}
    return zipped(folder / "SST-2.zip", members)


def test_sst2_columns_are_found_by_the_header(tmp_path: Path) -> None:
    path = sst2_file(tmp_path, "label\tsentence\r\n1\tit 's fine . \r\n0\tdull\r\n")
    assert sst2(path, "SST-2/train.tsv") == [Example("it 's fine .", 1), Example("dull", 0)]
    assert sst2(path, "SST-2/dev.tsv") == [Example("fine .", 1)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param("sentence\tscore\nfine\t1\n", "line 1: expected the columns", id="header"),
        pytest.param("", "line 1: expected the columns", id="nothing at all"),
        pytest.param("sentence\tlabel\nfine\t1\ndull\n", "line 3: expected 2 columns", id="short"),
        pytest.param("sentence\tlabel\nfine\t\n", "line 2: .* found ''", id="no label"),
        pytest.param("sentence\tlabel\nfine\t2\n", "line 2: .* found '2'", id="unknown label"),
    ],
)
def test_sst2_row_that_is_not_as_expected_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"SST-2\.zip, SST-2/train\.tsv, {message}"):
        sst2(sst2_file(tmp_path, rows), "SST-2/train.tsv")


@pytest.mark.parametrize(
    ("tokenised", "expected"),
    [
        ("it 's not what you 'd think , is n't it ?", "it's not what you'd think, isn't it?"),
        ("we ca n't and wo n't , so do n't !", "we can't and won't, so don't!"),
        ("called `` a gem '' by some", 'called "a gem" by some'),
        ("called ` a gem ' by the critics ' friends", "called 'a gem' by the critics' friends"),
        ("the film -lrb- a first one -rrb- works", "the film (a first one) works"),
        ("( t ) he end", "(t)he end"),
        ("slow ... and then , ...", "slow... and then,..."),
        ("over ... ( b ) ut fine", "over... (b)ut fine"),
        ("films , books , etc. .", "films, books, etc."),
        ("warm -- if long -- and kind", "warm -- if long -- and kind"),
        ("a thriller\\/comedy for $ 9 , 100 % fun", "a thriller/comedy for $9, 100% fun"),
        ("kick 'em as in the '70s", "kick 'em as in the '70s"),
        ("you 're gon na like it ; i can not", "you're gonna like it; i cannot"),
        ("'s a shame", "'s a shame"),
    ],
)
def test_tokenised_english_becomes_ordinary_writing(tokenised: str, expected: str) -> None:
    assert written([Example(tokenised, 1)]) == [Example(expected, 1)]


# --- Amazon ---------------------------------------------------------------------------------

DOMAINS = ("books", "dvd", "electronics", "kitchen_&_housewares")


def record(title: str, text: str) -> str:
    return (
        "<review>\n<asin>\nB0\n</asin>\n<rating>\n5.0\n</rating>\n"
        f"<title>\n{title}\n</title>\n<review_text>\n{text}\n</review_text>\n</review>\n"
    )


def amazon_file(folder: Path, **changes: bytes) -> Path:
    members = {
        f"sorted_data_acl/{domain}/{label}.review": record(
            f"{label} title", f"A {label} one on {domain}."
        ).encode()
        for domain in DOMAINS
        for label in ("negative", "positive", "unlabeled")
    }
    for name, content in changes.items():
        members[f"sorted_data_acl/{name}/positive.review"] = content
    return tar_gz(folder / "domain_sentiment_data.tar.gz", members)


def books(folder: Path, content: bytes) -> list[str]:
    """The positive texts of the domain `books`, when its file is `content`."""
    reviews = amazon(amazon_file(folder, books=content))
    return [r.example.text for r in reviews if r.domain == "books" and r.example.label == 1]


def test_amazon_has_four_domains_and_two_classes_with_titles(tmp_path: Path) -> None:
    reviews = amazon(amazon_file(tmp_path))
    assert [(r.domain, r.example.label) for r in reviews] == [
        (d, n) for d in DOMAINS for n in (0, 1)
    ]
    assert reviews[0].example.text == "negative title\nA negative one on books."
    assert reviews[0].body == "A negative one on books."


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        pytest.param("R&B", "a < b", "R&B\na < b", id="not escaped"),
        pytest.param("R&amp;B", "it&#39;s", "R&B\nit's", id="escaped"),
        pytest.param("R&amp;amp;B", "&amp;quot;", 'R&B\n"', id="escaped twice"),
        pytest.param("&amp;amp;amp;amp;", "x", "&amp;\nx", id="no more than three times"),
        pytest.param(
            "Good", "First.<br />\n\nThen <b>.", "Good\nFirst.\n\n\nThen <b>.", id="breaks"
        ),
        pytest.param(
            "Good", "see <review> and </title>", "Good\nsee <review> and </title>", id="tags"
        ),
        pytest.param("", "No title.", "No title.", id="no title"),
        pytest.param("No text.", " ", "No text.", id="no text"),
    ],
)
def test_amazon_text_is_unescaped_and_whole(
    tmp_path: Path, title: str, text: str, expected: str
) -> None:
    assert books(tmp_path, record(title, text).encode()) == [expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("sauté".encode(), "sauté", id="UTF-8"),
        pytest.param("sauté".encode("latin-1"), "sauté", id="Latin-1"),
        pytest.param("“sauté”".encode("cp1252", "ignore"), "“sauté”", id="Windows-1252"),
        pytest.param(b"a\x81b", "a\ufffdb", id="undefined"),
        pytest.param("é\n".encode() + "é".encode("latin-1"), "é\né", id="mixed"),
    ],
)
def test_amazon_lines_are_utf8_or_windows_1252(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    whole = record("T", "BODY").encode().replace(b"BODY", content)
    assert books(tmp_path, whole) == [f"T\n{expected}"]


def test_amazon_record_without_any_text_is_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    empty = "<review>\n<rating>\n5.0\n</rating>\n</review>\n" + record(" ", "")
    assert books(tmp_path, (empty + record("T", "x")).encode()) == ["T\nx"]
    assert "left out 2 empty texts" in caplog.text


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(record("T", "x") + record("T", "y")[:-10], 14, id="cut off"),
        pytest.param("no record at all\n", 1, id="foreign"),
    ],
)
def test_amazon_text_outside_of_records_is_an_error(
    tmp_path: Path, content: str, line: int
) -> None:
    with pytest.raises(DataError, match=rf"books/positive\.review, after line {line}: expected"):
        books(tmp_path, content.encode())


def test_amazon_without_one_of_its_domains_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no member sorted_data_acl/books/negative\.review"):
        amazon(tar_gz(tmp_path / "x.tar.gz", {"sorted_data_acl/dvd/positive.review": b""}))


# --- NSMC -----------------------------------------------------------------------------------

NSMC_HEADER = "id\tdocument\tlabel\n"


def nsmc_file(folder: Path, rows: str) -> Path:
    path = folder / "ratings_train.txt"
    path.write_bytes(rows.encode())
    return path


def test_nsmc_is_read_without_quoting_and_without_empty_documents(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rows = NSMC_HEADER + '1\t"정말 좋다\t1\n2\t\t0\n3\t그저\u2028그래\x85요 \t0\n'
    assert nsmc(nsmc_file(tmp_path, rows)) == [
        Example('"정말 좋다', 1),
        Example("그저\u2028그래\x85요", 0),
    ]
    assert "ratings_train.txt: left out 1 empty texts" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param("1\t좋다\t1\n", "line 1: expected the columns id", id="no header"),
        pytest.param(
            NSMC_HEADER + "1\t좋다\n", "line 2: expected 3 columns .* found 2", id="short"
        ),
        pytest.param(NSMC_HEADER + "1\t좋\t다\t1\n", "line 2: expected 3 columns", id="long"),
        pytest.param(NSMC_HEADER + "1\t좋다\t\n", "line 2: .* found ''", id="no label"),
        pytest.param(NSMC_HEADER + "1\t좋다\t5\n", "line 2: .* found '5'", id="unknown label"),
    ],
)
def test_nsmc_row_that_is_not_as_expected_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"ratings_train\.txt, {message}"):
        nsmc(nsmc_file(tmp_path, rows))


def test_nsmc_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ratings_train.txt"
    path.write_bytes(NSMC_HEADER.encode() + "1\t좋다\t1\n".encode("cp949"))
    with pytest.raises(DataError, match="line 2: byte 0xc1 is not UTF-8"):
        nsmc(path)


def test_nsmc_unlabelled_reviews_stand_one_on_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress("좋다\n\n그저 그래\n".encode()))
    assert nsmc_unlabelled(path) == ["좋다", "그저 그래"]


# --- loading --------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror with all four sets, some forty made-up texts each."""
    numbers = range(40)
    imdb = {
        f"aclImdb/{part}/{kind}/{n}_5.txt": f"{part} review {n}, {kind}".encode()
        for part, kinds in {"train": ("neg", "pos", "unsup"), "test": ("neg", "pos")}.items()
        for kind in kinds
        for n in numbers
    }
    tar_gz(tmp_path / "aclImdb_v1.tar.gz", imdb)
    sst2_file(tmp_path, "sentence\tlabel\n" + "".join(f"no {n} .\t{n % 2}\n" for n in numbers))
    reviews = "".join(record(f"No {n}", f"Text {n}.") for n in numbers)
    again = record("The same under another title", "text  0.")
    amazon_file(tmp_path, dvd=(reviews + again).encode())
    rows = NSMC_HEADER + "".join(f"{n}\t{n}번 영화\t{n % 2}\n" for n in numbers)
    nsmc_file(tmp_path, rows)
    (tmp_path / "ratings_test.txt").write_text(NSMC_HEADER + "1\t시험\t1\n")
    add_sums(tmp_path)
    return tmp_path


def texts(examples: list[Example]) -> set[str]:
    return {example.text for example in examples}


@pytest.mark.parametrize(
    ("name", "train", "validation", "test"),
    [("imdb", 72, 8, 80), ("sst2", 36, 4, 1), ("amazon", 36, 3, 8), ("nsmc", 38, 2, 1)],
)
def test_each_set_loads_in_parts_that_share_no_text(
    mirror: Path, name: str, train: int, validation: int, test: int
) -> None:
    store = Store(mirror / "no cache", mirror)
    development = load_development(name, seed=3, store=store)
    held_out = load_test(name, store=store)
    assert (len(development.train), len(development.validation)) == (train, validation)
    assert len(held_out) == test
    parts = [texts(development.train), texts(development.validation), texts(held_out)]
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_amazon_is_tested_on_the_same_reviews_whatever_the_seed(mirror: Path) -> None:
    store = Store(mirror / "no cache", mirror)
    one, other = (load_development("amazon", seed=seed, store=store) for seed in (1, 2))
    assert texts(one.train + one.validation) == texts(other.train + other.validation)
    assert texts(one.validation) != texts(other.validation)


def test_the_sources_say_what_was_read(mirror: Path) -> None:
    development = load_development("nsmc", seed=0, store=Store(mirror / "no cache", mirror))
    path = mirror / "ratings_train.txt"
    assert development.sources == [Source("ratings_train.txt", sha256(path))]


def test_nsmc_goes_without_unlabelled_text_only_with_a_warning(
    mirror: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(mirror / "no cache", mirror)
    assert load_development("nsmc", seed=0, store=store).unlabelled == []
    assert "no nsmc_unlabeled.txt.gz" in caplog.text

    (mirror / "nsmc_unlabeled.txt.gz").write_bytes(gzip.compress("더\n".encode()))
    add_sums(mirror)
    development = load_development("nsmc", seed=0, store=store)
    assert development.unlabelled == ["더"]
    assert development.sources[1].file == "nsmc_unlabeled.txt.gz"


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'imbd'.*imdb, sst2, amazon, nsmc"):
        load_test("imbd", store=Store(tmp_path))


def test_the_catalog_is_complete() -> None:
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.labels == ("negative", "positive")
        assert all(len(file.name) > 4 for file in dataset.files)
        assert dataset.test_part.endswith(".")


@pytest.mark.mirror
@pytest.mark.skipif("DATASET_MIRROR" not in os.environ, reason="DATASET_MIRROR is not set")
@pytest.mark.parametrize(
    ("name", "developed", "unlabelled", "tested"),
    [
        ("imdb", 25_000, 50_000, 25_000),
        ("sst2", 61_413, 0, 872),  # of 67,349: without the parts of the validation's sentences
        ("amazon", 6_281, 0, 1_571),  # 8,000 less 148 repeats
        ("nsmc", 149_993, 493_967, 49_999),  # less 7 and 1 empty documents
    ],
)
def test_the_real_sets_have_their_published_sizes(
    name: str, developed: int, unlabelled: int, tested: int
) -> None:
    store = Store.from_env(os.environ)
    development = load_development(name, seed=1, store=store)
    assert len(development.train) + len(development.validation) == developed
    assert len(development.unlabelled) == unlabelled
    assert len(load_test(name, store=store)) == tested
    train, validation = (
        {folded(example.text) for example in part}
        for part in (development.train, development.validation)
    )
    assert not train & validation
