"""Bundles that come, change and go in the folder of a service that runs."""

from __future__ import annotations

import gc
import logging
import shutil
import threading
import time
import weakref
from pathlib import Path

import pytest
from test_bundle import with_golden

import service.folder
from service.app import create_app
from service.batcher import Batcher
from service.bundle import save_bundle
from service.errors import BundleError, InvalidFieldError
from service.folder import load_folder, load_what_is_good
from service.predictor import Predictor
from service.registry import Registry
from service.rollback import previous_of, rollback
from service.settings import Settings
from service.swap import Swapper

TEXT = "The film was good"
SECONDS = 20  # on a machine with much else to do


@pytest.fixture(scope="module")
def versions(make_tiny_bundle, tmp_path_factory):
    """Files of `reviews-en` with answers of their own, and one of another bundle."""
    folder = tmp_path_factory.mktemp("versions")
    for seed in (1, 2, 3):
        save_bundle(folder / f"{seed}.pt", make_tiny_bundle("reviews-en", seed=seed))
    save_bundle(folder / "shop.pt", make_tiny_bundle("shop", "de", ("bad", "so-so", "good")))
    return folder


@pytest.fixture
def folder(versions, tmp_path):
    """A folder that is served: the first version of `reviews-en`, and `shop`."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(versions / "1.pt", folder / "reviews-en.pt")
    shutil.copy(versions / "shop.pt", folder / "shop.pt")
    return folder


class Served:
    """A swapper over a folder, and what it said."""

    def __init__(self, folder, load=load_folder, look_at=None, **settings):
        files = load(folder, "cpu")
        self.registry = Registry([file.bundle for file in files], "reviews-en")
        self.outcomes = []
        self.warmed = []
        self.swapper = Swapper(
            self.registry,
            files,
            look_at or folder,
            on_outcome=lambda name, outcome: self.outcomes.append((name, outcome)),
            **{"warm": self.warmed.append, **settings},
        )

    def names(self):
        return [bundle.metadata.name for bundle in self.registry]

    def problems(self):
        return {problem.file: problem.detail for problem in self.swapper.problems}


@pytest.fixture
def served(folder):
    return Served(folder)


def install(source, path):
    """As a careful user does: whole, or not at all."""
    aside = path.with_suffix(".tmp")
    shutil.copy(source, aside)
    aside.replace(path)


def answer(bundle):
    return bundle.answer(TEXT).probabilities


def eventually(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- What is taken ----------------------------------------------------------------------------


def test_nothing_happens_in_a_folder_that_nobody_touches(served):
    shelf = served.registry.now
    assert served.swapper.look() is False
    assert served.swapper.look() is False
    assert served.registry.now is shelf
    assert (served.outcomes, served.swapper.problems) == ([], [])


def test_a_changed_file_is_served_at_the_next_look_and_warm(served, folder, versions, caplog):
    old = served.registry.get("reviews-en")
    install(versions / "2.pt", folder / "reviews-en.pt")
    with caplog.at_level(logging.INFO, "service.swap"):
        assert served.swapper.look() is False
    new = served.registry.get("reviews-en")
    assert answer(new) != answer(old)
    assert served.registry.default is new
    assert served.warmed == [new]
    assert served.outcomes == [("reviews-en", "swapped")]
    assert "serving reviews-en version 1, before: 1" in caplog.text


def test_another_bundle_stays_what_it_is(served, folder, versions):
    shop = served.registry.get("shop")
    install(versions / "2.pt", folder / "reviews-en.pt")
    served.swapper.look()
    assert served.registry.get("shop") is shop


def test_one_change_after_the_other_is_taken(served, folder, versions):
    answers = {answer(served.registry.default)}
    for version in (2, 3):
        install(versions / f"{version}.pt", folder / "reviews-en.pt")
        served.swapper.look()
        answers.add(answer(served.registry.default))
    assert len(answers) == 3


def test_a_copy_into_the_file_itself_is_seen_even_with_its_old_time(served, folder, versions):
    before = answer(served.registry.default)
    path = folder / "reviews-en.pt"
    shutil.copy2(versions / "2.pt", path)
    shutil.copystat(versions / "1.pt", path)
    served.swapper.look()
    assert answer(served.registry.default) != before


def test_the_same_content_anew_is_no_swap(served, folder, versions):
    old = served.registry.default
    install(versions / "1.pt", folder / "reviews-en.pt")
    assert served.swapper.look() is False
    assert served.registry.default is old
    assert served.outcomes == []
    assert not previous_of(folder / "reviews-en.pt").exists()


def test_a_new_bundle_is_added(folder, versions):
    (folder / "shop.pt").unlink()
    served = Served(folder)
    install(versions / "shop.pt", folder / "shop.pt")
    served.swapper.look()
    assert served.names() == ["reviews-en", "shop"]
    assert served.outcomes == [("shop", "swapped")]


def test_a_file_under_a_new_name_is_the_same_bundle(served, folder):
    (folder / "shop.pt").rename(folder / "laden.pt")
    served.swapper.look()
    assert served.names() == ["reviews-en", "shop"]
    assert served.swapper.look() is False
    assert (served.names(), served.problems()) == (["reviews-en", "shop"], {})


# --- What is not taken ------------------------------------------------------------------------


def refused(served, folder, data, name="reviews-en.pt"):
    """A bad file comes, and stays; the registry does not notice."""
    shelf = served.registry.now
    (folder / name).write_bytes(data)
    assert served.swapper.look() is True  # perhaps it is only half-written
    assert served.swapper.problems == []
    assert served.swapper.look() is False
    assert served.registry.now is shelf


def test_a_bad_file_leaves_the_old_bundle_in_place_and_says_so(served, folder, caplog):
    refused(served, folder, b"no bundle")
    assert "not a bundle, or cut short" in served.problems()["reviews-en.pt"]
    assert str(folder) not in served.problems()["reviews-en.pt"]
    assert served.outcomes == [("reviews-en", "rejected")]
    (line,) = [record.getMessage() for record in caplog.records]
    for part in (f"{folder}/reviews-en.pt", "what was served before goes on", "make train"):
        assert part in line


def test_a_bad_file_is_told_once_and_again_after_a_change(served, folder):
    refused(served, folder, b"no bundle")
    for _ in range(3):
        assert served.swapper.look() is False
    assert len(served.outcomes) == 1
    (folder / "reviews-en.pt").write_bytes(b"no bundle either")
    served.swapper.look()
    served.swapper.look()
    assert len(served.outcomes) == 2


def test_a_bundle_with_wrong_golden_answers_is_refused(served, folder, versions):
    data = (versions / "2.pt").read_bytes()
    refused(served, folder, with_golden(data, lambda golden: golden[0]["probabilities"].reverse()))
    assert "golden answer" in served.problems()["reviews-en.pt"]


def test_a_good_file_after_a_bad_one_is_served_and_the_problem_gone(served, folder, versions):
    refused(served, folder, b"no bundle")
    install(versions / "2.pt", folder / "reviews-en.pt")
    served.swapper.look()
    assert served.problems() == {}
    assert served.outcomes == [("reviews-en", "rejected"), ("reviews-en", "swapped")]


def test_a_file_that_is_still_being_written_is_waited_for(served, folder, versions):
    data = (versions / "2.pt").read_bytes()
    path = folder / "reviews-en.pt"
    for part in range(1, 5):
        path.write_bytes(data[: len(data) * part // 5])
        assert served.swapper.look() is True
    path.write_bytes(data)
    assert served.swapper.look() is False
    assert served.outcomes == [("reviews-en", "swapped")]


def test_a_second_file_of_one_bundle_is_refused(served, folder, versions):
    refused(served, folder, (versions / "2.pt").read_bytes(), "another.pt")
    assert "Two bundles are called 'reviews-en'" in served.problems()["another.pt"]


@pytest.mark.parametrize("name", ["reviews-en", "shop"])
def test_a_second_file_is_taken_once_the_first_is_removed_as_advised(served, folder, name):
    shutil.copy(folder / f"{name}.pt", folder / "another.pt")
    for _ in range(2):
        served.swapper.look()
    assert "Two bundles are called" in served.problems()["another.pt"]
    (folder / f"{name}.pt").unlink()
    for _ in range(3):
        served.swapper.look()
        assert served.names() == ["reviews-en", "shop"]
    assert served.problems() == {}
    assert served.outcomes == [("another", "rejected"), ("another", "swapped")]


def test_another_bundle_in_the_place_of_one_is_refused(served, folder, versions):
    refused(served, folder, (versions / "shop.pt").read_bytes())
    assert "'shop', but served from it is 'reviews-en'" in served.problems()["reviews-en.pt"]


def test_one_bad_file_does_not_keep_others_from_being_taken(served, folder, versions):
    (folder / "a-bad-one.pt").write_bytes(b"no bundle")
    install(versions / "2.pt", folder / "reviews-en.pt")
    served.swapper.look()
    served.swapper.look()
    assert served.outcomes == [("reviews-en", "swapped"), ("a-bad-one", "rejected")]
    (folder / "a-bad-one.pt").unlink()
    served.swapper.look()
    assert served.problems() == {}


def test_a_network_that_fails_while_it_is_warmed_up_is_refused(folder, versions, caplog):
    def fail(bundle):
        raise RuntimeError("no memory")

    served = Served(folder, warm=fail)
    install(versions / "2.pt", folder / "reviews-en.pt")
    old = served.registry.default
    assert served.swapper.look() is False
    assert served.registry.default is old
    assert "no memory" not in served.problems()["reviews-en.pt"]
    assert "no memory" in caplog.text


# --- What goes --------------------------------------------------------------------------------


def test_a_bundle_goes_with_its_file_but_not_at_once(served, folder):
    served.swapper.look()
    (folder / "shop.pt").unlink()
    assert served.swapper.look() is True
    assert served.names() == ["reviews-en", "shop"]
    assert served.swapper.look() is False
    assert served.names() == ["reviews-en"]
    assert served.outcomes == [("shop", "removed")]


def test_a_file_that_comes_back_at_once_was_never_gone(served, folder, versions):
    served.swapper.look()
    shop = served.registry.get("shop")
    (folder / "shop.pt").unlink()
    served.swapper.look()
    install(versions / "shop.pt", folder / "shop.pt")
    assert served.swapper.look() is False
    assert served.registry.get("shop") is shop
    assert served.outcomes == []


def test_the_default_bundle_outlives_its_file_and_says_so(served, folder, versions):
    for _ in range(3):
        (folder / "reviews-en.pt").unlink(missing_ok=True)
        served.swapper.look()
    assert served.names() == ["reviews-en", "shop"]
    assert "Put it back" in served.problems()["reviews-en.pt"]
    install(versions / "1.pt", folder / "reviews-en.pt")
    served.swapper.look()
    assert served.problems() == {}


def test_an_emptied_folder_changes_nothing(served, folder):
    for path in folder.glob("*.pt"):
        path.unlink()
    for _ in range(3):
        served.swapper.look()
    assert served.names() == ["reviews-en", "shop"]
    assert set(served.problems()) == {"reviews-en.pt", "shop.pt"}


# --- The previous file ------------------------------------------------------------------------


@pytest.mark.parametrize("new", [b"no bundle", None], ids=["bad", "good"])
def test_what_was_served_is_kept_byte_by_byte(served, folder, versions, new):
    path = folder / "reviews-en.pt"
    path.write_bytes(new or (versions / "2.pt").read_bytes())
    served.swapper.look()
    served.swapper.look()
    assert previous_of(path).read_bytes() == (versions / "1.pt").read_bytes()


def test_the_previous_file_is_no_bundle_of_the_folder(served, folder, versions):
    install(versions / "2.pt", folder / "reviews-en.pt")
    served.swapper.look()
    served.swapper.look()
    assert served.names() == ["reviews-en", "shop"]
    assert len(load_folder(folder, "cpu")) == 2


def test_a_rollback_is_served_at_the_next_look_and_back_again(served, folder, versions):
    first = answer(served.registry.default)
    install(versions / "2.pt", folder / "reviews-en.pt")
    served.swapper.look()
    second = answer(served.registry.default)
    for expected in (first, second, first):
        rollback(folder, "reviews-en")
        served.swapper.look()
        assert answer(served.registry.default) == expected


def test_a_worker_that_comes_late_does_not_write_over_what_another_kept(folder, versions):
    early, late = Served(folder), Served(folder)
    path = folder / "reviews-en.pt"
    install(versions / "2.pt", path)
    early.swapper.look()
    time.sleep(0.02)  # file systems tell times in steps
    install(versions / "3.pt", path)
    time.sleep(0.02)
    early.swapper.look()
    late.swapper.look()
    assert answer(early.registry.default) == answer(late.registry.default)
    assert previous_of(path).read_bytes() == (versions / "2.pt").read_bytes()


def test_where_nothing_may_be_written_the_swap_goes_on_and_says_so(
    served, folder, versions, caplog
):
    old = answer(served.registry.default)
    install(versions / "2.pt", folder / "reviews-en.pt")
    previous_of(folder / "reviews-en.pt").mkdir()  # even root cannot write a file there
    served.swapper.look()
    assert answer(served.registry.default) != old
    assert "is not kept" in caplog.text


# --- A worker that takes another's place ------------------------------------------------------


def what_is_good(folder, device):
    began_with = {"reviews-en.pt": "reviews-en", "shop.pt": "shop"}
    return load_what_is_good(folder, device, "reviews-en", began_with)


def test_it_serves_the_previous_file_where_the_present_one_is_bad(served, folder):
    refused(served, folder, b"no bundle")
    successor = Served(folder, what_is_good)
    assert answer(successor.registry.default) == answer(served.registry.default)
    successor.swapper.look()
    successor.swapper.look()
    assert set(successor.problems()) == {"reviews-en.pt"}


def test_it_does_without_what_it_cannot_have(folder, versions):
    (folder / "a-bad-one.pt").write_bytes(b"no bundle")
    shutil.copy(versions / "2.pt", folder / "the-same-again.pt")
    assert Served(folder, what_is_good).names() == ["reviews-en", "shop"]


def test_a_file_that_fails_in_an_unknown_way_is_left_out_too(folder, monkeypatch, caplog):
    load = service.folder.load_file

    def fails(path, *arguments):
        if path.stem == "new":
            raise RecursionError("nested too deeply")
        return load(path, *arguments)

    shutil.copy(folder / "shop.pt", folder / "new.pt")
    monkeypatch.setattr("service.folder.load_file", fails)
    assert Served(folder, what_is_good).names() == ["reviews-en", "shop"]
    assert "new.pt: loading it failed" in caplog.text


@pytest.mark.parametrize("name", ["reviews-en", "shop"])
def test_it_does_not_begin_without_a_bundle_that_the_others_serve(folder, name):
    data = (folder / f"{name}.pt").read_bytes()
    (folder / f"{name}.pt").write_bytes(b"no bundle")
    with pytest.raises(BundleError, match=rf"{name}\.pt: not usable.*'{name}'"):
        what_is_good(folder, "cpu")
    (folder / "elsewhere.pt").write_bytes(data)
    assert Served(folder, what_is_good).names() == ["reviews-en", "shop"]


def test_of_bundles_whose_file_is_gone_the_others_serve_the_default_one_alone(folder):
    data = (folder / "reviews-en.pt").read_bytes()
    (folder / "reviews-en.pt").unlink()
    with pytest.raises(BundleError, match=r"reviews-en\.pt: not usable, or gone"):
        what_is_good(folder, "cpu")
    (folder / "reviews-en.pt").write_bytes(data)
    (folder / "shop.pt").unlink()
    assert Served(folder, what_is_good).names() == ["reviews-en"]


def test_where_the_default_bundle_never_was_the_first_by_name_is_it(folder):
    began_with = {"b.pt": "reviews-en", "c.pt": "shop"}
    (folder / "reviews-en.pt").unlink()
    with pytest.raises(BundleError, match=r"b\.pt: .*'reviews-en'"):
        load_what_is_good(folder, "cpu", "no such bundle", began_with)


# --- Requests meanwhile -----------------------------------------------------------------------


class Clients:
    """Threads that ask for several texts at a time until told to stop."""

    def __init__(self, predictor, count=4):
        self.answers, self.errors = [], []
        self._predictor = predictor
        self._going = True
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def _ask(self):
        while self._going:
            try:
                found = self._predictor.predict([TEXT, TEXT + "!"] * 5)
                self.answers.append([prediction.scores["positive"] for prediction in found])
            except Exception as error:  # noqa: BLE001  # each of them counts
                self.errors.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._going = False
        for thread in self._threads:
            thread.join(SECONDS)


@pytest.fixture
def batcher(served):
    batcher = Batcher(warm_up=list(served.registry))
    batcher.start()
    yield batcher
    batcher.stop()


def test_every_request_is_answered_by_the_old_bundle_or_the_new_one_whole(
    served, batcher, folder, versions
):
    whole = set()
    for version in (1, 2):
        install(versions / f"{version}.pt", folder / "reviews-en.pt")
        served.swapper.look()
        bundle = served.registry.default
        pair = [bundle.answer(text).probabilities[1] for text in (TEXT, TEXT + "!")]
        whole.add(tuple(round(p, 4) for p in pair * 5))
    assert len(whole) == 2
    with Clients(Predictor(served.registry, batcher, deadline_seconds=SECONDS)) as clients:
        for swap in range(20):
            install(versions / f"{swap % 2 + 1}.pt", folder / "reviews-en.pt")
            served.swapper.look()
            enough = len(clients.answers) + 4
            eventually(lambda enough=enough: len(clients.answers) >= enough)
    assert clients.errors == []
    assert {tuple(round(p, 4) for p in found) for found in clients.answers} == whole


def test_a_request_keeps_to_the_shelf_that_it_began_with(folder, versions, make_tiny_bundle):
    """The swap comes between two texts of one request."""
    # With a Korean bundle there is a choice, and the texts are looked at.
    save_bundle(folder / "reviews-ko.pt", make_tiny_bundle("reviews-ko", "ko"))
    served = Served(folder)
    shelf = served.registry.now

    class Swapping(str):
        def isascii(self):  # asked when a bundle is chosen
            install(versions / "2.pt", folder / "reviews-en.pt")
            served.swapper.look()
            return super().isascii()

    class Recording:
        asked = ()

        def submit(self, bundle, sequences, deadline):
            self.asked += (bundle,)
            raise InvalidFieldError("enough", "")

    batcher = Recording()
    with pytest.raises(InvalidFieldError, match="enough"):
        Predictor(served.registry, batcher, deadline_seconds=1).predict([Swapping(TEXT), TEXT])
    assert batcher.asked == (shelf.default,)
    assert served.registry.now is not shelf


def test_the_old_bundle_is_freed(served, batcher, folder, versions):
    predictor = Predictor(served.registry, batcher, deadline_seconds=SECONDS)
    predictor.predict([TEXT])
    old = weakref.ref(served.registry.default.module)
    install(versions / "2.pt", folder / "reviews-en.pt")
    served.swapper.look()
    served.warmed.clear()
    predictor.predict([TEXT])  # the network's thread lets go of the last texts it read
    gc.collect()
    assert old() is None


# --- The thread -------------------------------------------------------------------------------


def test_asked_it_looks_and_otherwise_does_not(served, folder, versions):
    served.swapper.start()
    try:
        eventually(lambda: served.swapper._last_look)  # at the start
        install(versions / "2.pt", folder / "reviews-en.pt")
        time.sleep(0.3)
        assert served.outcomes == []
        served.swapper.ask()
        eventually(lambda: served.outcomes == [("reviews-en", "swapped")])
        (folder / "shop.pt").write_bytes(b"no bundle")
        served.swapper.ask()  # once; it looks again by itself
        eventually(lambda: served.outcomes[1:] == [("shop", "rejected")])
    finally:
        served.swapper.stop()


def test_watching_it_looks_by_itself(folder, versions):
    served = Served(folder, watch_seconds=0.1)
    served.swapper.start()
    try:
        install(versions / "2.pt", folder / "reviews-en.pt")
        eventually(lambda: served.outcomes == [("reviews-en", "swapped")])
    finally:
        served.swapper.stop()


class FailingOnce(type(Path())):
    """A folder whose disk does not answer at the first look."""

    failed = False

    def glob(self, pattern):
        if not FailingOnce.failed:
            FailingOnce.failed = True
            raise OSError("the disk does not answer")
        return Path(self).glob(pattern)


def test_a_look_that_fails_is_not_the_last_one(folder, versions, caplog):
    files = load_folder(folder, "cpu")
    served = Served(folder, lambda *_: files, look_at=FailingOnce(folder), watch_seconds=0.1)
    served.swapper.start()
    try:
        eventually(lambda: "please report this" in caplog.text)
        install(versions / "2.pt", folder / "reviews-en.pt")
        eventually(lambda: served.outcomes == [("reviews-en", "swapped")])
    finally:
        served.swapper.stop()


# --- The application --------------------------------------------------------------------------


def test_the_application_swaps_when_asked_and_shows_what_is_wrong(folder, versions):
    app = create_app(Settings(device="cpu", models_dir=folder, models_watch=0.1))
    client = app.test_client()
    before = client.post("/predict", json={"text": TEXT}).json["scores"]
    install(versions / "2.pt", folder / "reviews-en.pt")
    app.extensions["swapper"].ask()
    eventually(lambda: client.post("/predict", json={"text": TEXT}).json["scores"] != before)
    (folder / "shop.pt").write_bytes(b"no bundle")
    eventually(lambda: client.get("/models").json["problems"])
    app.extensions["swapper"].stop()
    (problem,) = client.get("/models").json["problems"]
    assert set(problem) == {"file", "detail", "since"}
    assert problem["file"] == "shop.pt"
    assert client.get("/readyz").status_code == 200
    assert client.post("/predict", json={"text": TEXT, "model": "shop"}).status_code == 200
