"""API keys: what a file of them may hold, who is let in, and how they change."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import logging
import os
import threading

import pytest

from service.errors import KeysError
from service.keys import Keys

OURS = "0123456789abcdef"
THEIRS = "fedcba9876543210fedcba9876543210"
NEW = "A-new_key.with~all/the+signs=="


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
def file(tmp_path):
    """A function that writes a file of keys, in place, and gives its path."""

    def write(text):
        path = tmp_path / "keys"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def looking(path, listed=""):
    """Keys that see at every question whether the file has changed."""
    return Keys(listed, path, look_seconds=0)


# --- What is let in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(f"shop:{OURS}", id="a colon"),
        pytest.param(f"shop {OURS}", id="a space"),
        pytest.param(f"  shop :\t{OURS}  ", id="spaces around"),
        pytest.param(f"shop:sha256:{digest(OURS)}", id="hashed"),
        pytest.param(f"shop sha256:{digest(OURS).upper()}", id="hashed, in capitals"),
        pytest.param(f"# who\n\nshop:{OURS}\n", id="comments and blank lines"),
        pytest.param(f"shop:{OURS}\r\nmine:{THEIRS}\r\n", id="line ends of Windows"),
        pytest.param(b"\xef\xbb\xbfshop:" + OURS.encode(), id="a byte order mark"),
    ],
)
def test_a_key_of_the_file_has_its_name(file, line):
    assert Keys("", file(line)).name_of(OURS) == "shop"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "shop",
        OURS[:-1],
        OURS + "0",
        OURS.upper(),
        f" {OURS}",
        f"shop:{OURS}",
        digest(OURS),
        f"sha256:{digest(OURS)}",
        "ключ" * 4,
        "x" * 100_000,
    ],
)
@pytest.mark.parametrize("line", [f"shop:{OURS}", f"shop:sha256:{digest(OURS)}"])
def test_what_is_no_key_has_no_name(file, line, key):
    assert Keys("", file(line)).name_of(key) is None


def test_keys_of_the_environment_and_the_file_are_valid_together(file):
    keys = Keys(f"shop:{OURS}, mine:sha256:{digest(NEW)}", file(f"theirs:{THEIRS}"))
    assert [keys.name_of(key) for key in (OURS, NEW, THEIRS)] == ["shop", "mine", "theirs"]
    assert len(keys) == 3


def test_every_key_is_compared_whichever_is_asked_for():
    compared = []

    def same(first, second):
        compared.append((len(first), len(second)))
        return hmac.compare_digest(first, second)

    keys = Keys(f"a:{OURS},b:{THEIRS},c:{NEW}", same=same)
    for key in (OURS, THEIRS, NEW, "no such key at all", ""):
        compared.clear()
        keys.name_of(key)
        assert compared == [(32, 32)] * 3


def test_keys_are_compared_in_constant_time():
    assert inspect.signature(Keys).parameters["same"].default is hmac.compare_digest


# --- What stops the start ---------------------------------------------------------------------

SECRET = "geheimgeheimgeheim"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(f"a:{OURS}\n{SECRET}", ["line 2", "NAME:KEY"], id="no name"),
        pytest.param(f":{SECRET}", ["line 1", "NAME:KEY"], id="an empty name"),
        pytest.param("shop:", ["line 1", "NAME:KEY"], id="no key"),
        pytest.param(
            f"my shop:{SECRET}", ["line 1", "expected a key of"], id="a name of two words"
        ),
        pytest.param(f"bücher:{SECRET}", ["line 1", "NAME:KEY"], id="a name beyond ASCII"),
        pytest.param(f"{'n' * 65}:{SECRET}", ["line 1", "NAME:KEY"], id="a name too long"),
        pytest.param(f"shop:{SECRET} # mine", ["line 1", "NAME:KEY"], id="something behind it"),
        pytest.param(f"sha256:{digest(SECRET)}", ["line 1", "NAME:KEY"], id="a hash, no name"),
        pytest.param("\n\nshop:geheim", ["line 3", "6 characters", "16"], id="a short key"),
        pytest.param(f"shop:{'g' * 513}", ["line 1", "513 characters"], id="a long key"),
        pytest.param(
            "shop:geheimgeheimgehéim", ["line 1", "expected a key of"], id="a key beyond ASCII"
        ),
        pytest.param(f"shop:sha256:{SECRET}", ["line 1", "64 hex"], id="half a hash"),
        pytest.param(f"a:{OURS}\na:{SECRET}", ["line 2", "name", "twice"], id="a name twice"),
        pytest.param(f"a:{SECRET}\nb:{SECRET}", ["line 2", "key", "twice"], id="a key twice"),
        pytest.param(
            f"a:{SECRET}\nb:sha256:{digest(SECRET)}", ["line 2", "twice"], id="a key and its hash"
        ),
        pytest.param("", ["holds no key"], id="an empty file"),
        pytest.param("# nothing yet\n", ["holds no key"], id="only comments"),
        pytest.param(b"shop:\xff\xfe", ["UTF-8"], id="not UTF-8"),
    ],
)
def test_a_bad_file_is_refused_by_line_and_reason_but_never_quoted(file, text, parts):
    path = file(text)
    with pytest.raises(KeysError) as refused:
        Keys("", path)
    for part in [f"API_KEYS_FILE={path}", *parts]:
        assert part in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(KeysError, match=r"API_KEYS_FILE=.*none cannot be read \(No such file"):
        Keys("", tmp_path / "none")


@pytest.mark.parametrize(
    ("listed", "part"),
    [(f"a:{OURS},geheim", "API_KEYS, entry 2"), (f"a:{OURS},a:{NEW}", "entry 2"), (",", "no key")],
)
def test_a_bad_list_is_refused_by_entry(listed, part):
    with pytest.raises(KeysError, match=part) as refused:
        Keys(listed)
    assert "geheim" not in str(refused.value)


# --- Rotation ---------------------------------------------------------------------------------


def test_a_file_written_anew_is_read_again(file):
    keys = looking(file(f"shop:{OURS}\nmine:{THEIRS}"))
    assert keys.name_of(OURS) == "shop"
    file(f"mine:{THEIRS}\nshop:{NEW}\n")
    assert [keys.name_of(key) for key in (OURS, THEIRS, NEW)] == [None, "mine", "shop"]


def test_a_file_of_the_same_size_and_time_is_another_one_when_it_was_replaced(file, tmp_path):
    path = file(f"shop:{OURS}")
    keys = looking(path)
    other = tmp_path / "other"
    other.write_text(f"shop:{THEIRS[:16]}")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert (keys.name_of(OURS), keys.name_of(THEIRS[:16])) == (None, "shop")


def test_a_secret_of_kubernetes_is_read_again_when_its_link_is_turned(tmp_path):
    for version, key in (("v1", OURS), ("v2", NEW)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "keys").write_text(f"shop:{key}")
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "keys").symlink_to("..data/keys")
    keys = looking(tmp_path / "keys")
    assert keys.name_of(OURS) == "shop"
    (tmp_path / "turned").symlink_to("v2")
    (tmp_path / "turned").replace(tmp_path / "..data")
    assert (keys.name_of(OURS), keys.name_of(NEW)) == (None, "shop")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_text("shop:geheim"), id="a bad line"),
        pytest.param(lambda path: path.write_text(""), id="emptied"),
        pytest.param(lambda path: path.unlink(), id="removed"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a folder"),
    ],
)
def test_with_a_file_that_went_bad_the_old_keys_stay_valid_and_the_log_says_so_once(
    file, caplog, spoil
):
    caplog.set_level(logging.INFO, "service.keys")
    path = file(f"shop:{OURS}")
    keys = looking(path)
    spoil(path)
    assert [keys.name_of(OURS) for _ in range(5)] == ["shop"] * 5
    (line,) = caplog.messages
    assert line.endswith("The keys from before stay valid.")
    assert str(path) in line
    assert "geheim" not in line


def test_a_file_that_is_good_again_counts_again(file, caplog):
    caplog.set_level(logging.INFO, "service.keys")
    keys = looking(file(f"shop:{OURS}"))
    file("bad")
    assert keys.name_of(OURS) == "shop"
    file(f"shop:{NEW}\nmine:{THEIRS}")
    assert (keys.name_of(OURS), keys.name_of(NEW)) == (None, "shop")
    assert caplog.messages[-1] == "API keys read again: 2 valid"
    assert "shop" not in caplog.messages[-1]


def test_a_file_that_could_not_be_read_is_tried_again_though_it_has_not_changed(file, caplog):
    """As where a descriptor was missing for a moment; a folder in its place stands for that."""
    path = file(f"shop:{OURS}")
    keys = looking(path)
    read = keys._version
    path.unlink()
    path.mkdir()
    assert [keys.name_of(OURS) for _ in range(3)] == ["shop"] * 3
    assert keys._version == read
    assert len(caplog.messages) == 1


def test_the_file_is_looked_at_only_every_so_often(file):
    keys = Keys("", file(f"shop:{OURS}"), look_seconds=3_600)
    file(f"shop:{NEW}")
    assert (keys.name_of(OURS), keys.name_of(NEW)) == ("shop", None)


def test_keys_of_the_environment_outlive_a_rotation(file):
    keys = looking(file(f"shop:{OURS}"), listed=f"mine:{THEIRS}")
    file(f"shop:{NEW}")
    assert [keys.name_of(key) for key in (OURS, THEIRS, NEW)] == [None, "mine", "shop"]


def test_a_key_that_stays_is_valid_throughout_many_rotations_under_many_threads(file, tmp_path):
    keys = looking(file(f"stays:{OURS}\nturns:{THEIRS}"))
    done = threading.Event()
    answers = []

    def ask():
        while not done.is_set():
            answers.append(keys.name_of(OURS))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(50):
        other = tmp_path / "other"
        other.write_text(f"stays:{OURS}\nturns:{turn:016}")
        other.replace(tmp_path / "keys")
    done.set()
    for thread in threads:
        thread.join()
    assert set(answers) == {"stays"}
    assert keys.name_of(f"{49:016}") == "turns"
    assert keys.name_of(THEIRS) is None
