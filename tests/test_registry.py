"""Which bundle reads a text, and which folders are refused."""

from __future__ import annotations

import shutil
import unicodedata

import pytest
import torch

from service.bundle import save_bundle
from service.errors import BundleError, InvalidFieldError, SettingsError
from service.registry import Registry, is_korean


@pytest.fixture(scope="module")
def english(make_tiny_bundle):
    return make_tiny_bundle("reviews-en", "en")


@pytest.fixture(scope="module")
def korean(make_tiny_bundle):
    return make_tiny_bundle("reviews-ko", "ko")


@pytest.fixture(scope="module")
def registry(english, korean):
    return Registry([korean, english], default="reviews-en")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("One of the best films I have seen.", "reviews-en", id="english"),
        pytest.param("정말 재미있어요, 강력 추천합니다", "reviews-ko", id="korean"),
        pytest.param("ㅋㅋㅋㅋ", "reviews-ko", id="lone consonants"),
        pytest.param("ㅠㅠ", "reviews-ko", id="lone vowels"),
        pytest.param("ㅋㅋ 10/10 👍", "reviews-ko", id="lone letters and signs"),
        pytest.param(
            unicodedata.normalize("NFD", "정말 재미있어요"), "reviews-ko", id="decomposed hangul"
        ),
        pytest.param("iPhone 15 Pro Max 좋아요", "reviews-ko", id="english product in korean"),
        pytest.param("Netflix 에서 봤는데 별로", "reviews-ko", id="english name in korean"),
        pytest.param(
            "I saw 기생충 and it was brilliant", "reviews-en", id="korean title in english"
        ),
        pytest.param(
            "The director 봉준호 never made a bad film.", "reviews-en", id="korean name in english"
        ),
        pytest.param("とても面白い映画でした", "reviews-en", id="japanese"),
        pytest.param("这部电影很好看", "reviews-en", id="chinese"),
        pytest.param("Отличный фильм", "reviews-en", id="russian"),
        pytest.param("Ein schöner Film", "reviews-en", id="german"),
        pytest.param("👍👍👍", "reviews-en", id="emoji"),
        pytest.param("10/10", "reviews-en", id="digits"),
        pytest.param("", "reviews-en", id="empty"),
        pytest.param("\ud800", "reviews-en", id="lone surrogate"),
    ],
)
def test_the_language_of_a_text_chooses_the_bundle(registry, text, name):
    assert registry.for_text(text).metadata.name == name


def test_blanks_digits_and_signs_do_not_count_as_letters_of_another_script():
    assert is_korean("좋" + " 1234567890 !!!!!!!!!!")


def test_without_a_korean_bundle_the_default_reads_korean(english):
    assert Registry([english], "reviews-en").for_text("재미있어요") is english


def test_the_default_reads_what_is_not_korean(english, korean):
    registry = Registry([english, korean], "reviews-ko")
    assert registry.default is korean
    assert registry.for_text("A good film") is korean


def test_an_unknown_default_falls_back_to_the_first_by_name(english, korean):
    assert Registry([korean, english], "no-such").default is english


def test_of_two_bundles_of_a_language_the_one_named_after_it_is_chosen(make_tiny_bundle, korean):
    other = make_tiny_bundle("a-korean-one", "ko")
    registry = Registry([korean, other], "reviews-en")
    assert registry.for_text("재미있어요") is korean
    assert registry.get("a-korean-one") is other


def test_of_two_bundles_of_a_language_without_that_name_the_first_is_chosen(make_tiny_bundle):
    first, second = make_tiny_bundle("a-ko", "ko"), make_tiny_bundle("b-ko", "ko")
    assert Registry([second, first], "").for_text("재미있어요") is first


def test_bundles_come_in_the_order_of_their_names(registry):
    assert [bundle.metadata.name for bundle in registry] == ["reviews-en", "reviews-ko"]


def test_an_unknown_name_is_answered_with_those_there_are(registry):
    with pytest.raises(InvalidFieldError, match="'x'; there are: reviews-en, reviews-ko") as found:
        registry.get("x")
    assert found.value.pointer == "/model"


def test_two_bundles_of_one_name_are_refused(english):
    with pytest.raises(BundleError, match="Two bundles are called 'reviews-en'"):
        Registry([english, english], "")


def test_no_bundle_at_all_is_refused():
    with pytest.raises(BundleError, match="No bundle"):
        Registry([], "")


def test_a_folder_is_loaded(models_dir):
    registry = Registry.from_folder(models_dir, "cpu", "reviews-ko")
    assert [bundle.metadata.name for bundle in registry] == ["reviews-en", "reviews-ko"]
    assert registry.default.metadata.name == "reviews-ko"


def test_other_files_in_the_folder_are_let_be(models_dir, tmp_path):
    shutil.copy(models_dir / "reviews-en.pt", tmp_path)
    (tmp_path / "reviews-en.md").write_text("# card")
    (tmp_path / ".reviews-en.pt.1.tmp").write_text("half a bundle")
    assert len(list(Registry.from_folder(tmp_path, "cpu", ""))) == 1


@pytest.mark.parametrize(
    "folder", [pytest.param("", id="empty"), pytest.param("missing", id="missing")]
)
def test_a_folder_without_bundles_is_refused_with_advice(tmp_path, folder):
    with pytest.raises(BundleError) as refused:
        Registry.from_folder(tmp_path / folder, "cpu", "")
    assert str(tmp_path / folder) in str(refused.value)
    assert "MODELS_DIR" in str(refused.value)


def test_one_bad_bundle_in_the_folder_stops_the_start(models_dir, tmp_path):
    shutil.copy(models_dir / "reviews-en.pt", tmp_path)
    (tmp_path / "worse.pt").write_bytes(b"no bundle")
    with pytest.raises(BundleError, match=r"worse\.pt"):
        Registry.from_folder(tmp_path, "cpu", "")


def test_one_bundle_twice_in_the_folder_is_refused(english, tmp_path):
    save_bundle(tmp_path / "a.pt", english)
    save_bundle(tmp_path / "b.pt", english)
    with pytest.raises(BundleError, match="reviews-en"):
        Registry.from_folder(tmp_path, "cpu", "")


@pytest.mark.skipif(torch.cuda.device_count() > 7, reason="this machine has that many GPUs")
def test_a_gpu_that_is_not_there_is_refused(models_dir):
    with pytest.raises(SettingsError, match=r"DEVICE='cuda:7' .* cpu works everywhere"):
        Registry.from_folder(models_dir, "cuda:7", "")


def test_auto_takes_the_cpu_where_there_is_no_gpu(models_dir):
    found = {bundle.device.type for bundle in Registry.from_folder(models_dir, "auto", "")}
    assert found == {"cuda" if torch.cuda.is_available() else "cpu"}
