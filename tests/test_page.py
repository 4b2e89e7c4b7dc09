"""The page as it is served, without a browser: `tests/e2e/test_page.py` has one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from flask import Flask
from test_errors import assert_problem

from service import problems
from service.routes import page
from service.settings import Settings

FOLDER = Path(page.__file__).resolve().parent.parent / "page"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in page._TYPES)
SCRIPTS = [name for name in FILES if name.endswith(".js")]


@pytest.fixture(scope="module")
def client():
    settings = Settings(max_texts=7, max_characters=123, max_body_bytes=4567)
    app = Flask("page", static_folder=None)
    problems.register(app)
    app.register_blueprint(page.blueprint(settings))
    return app.test_client()


def words():
    """The dictionaries of strings.js, one per language."""
    text = (FOLDER / "strings.js").read_text(encoding="utf-8")
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_what_editors_leave_behind_stops_nothing_and_is_not_served(monkeypatch, tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "page")
    for name in (".DS_Store", ".page.js.swp", "page.js~"):
        (folder / name).write_bytes(b"\x00\xff")
    (folder / "folder").mkdir()
    monkeypatch.setattr(page, "_FOLDER", folder)
    app = Flask("page", static_folder=None)
    app.register_blueprint(page.blueprint(Settings()))
    assert app.test_client().get("/page/page.js").status_code == 200
    assert app.test_client().get("/page/page.js~").status_code == 404


def test_the_page_is_html_and_carries_the_limits(client):
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    text = response.get_data(as_text=True)
    assert 'data-max-texts="7" data-max-characters="123" data-max-body-bytes="4567"' in text


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in FILES)])
def test_every_file_has_its_type_and_the_headers_that_guard_it(client, path):
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Referrer-Policy"] == "no-referrer"
    policy = dict(
        part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    allowed = {value for name, value in policy.items() if name.endswith("-src")}
    assert allowed == {"'none'", "'self'"}
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    assert response.mimetype == kinds.get(Path(path).suffix, "text/html")


@pytest.mark.parametrize("path", ["/", "/page/page.js"])
def test_an_unchanged_file_is_not_sent_again(client, path):
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
    other = client.get(path, headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.get_data()) == (200, first.get_data())


@pytest.mark.parametrize(
    "header",
    [
        ("If-Modified-Since", "Mon, 01 Jan 2020 00:00:00 +99999999999999999999"),
        ("If-Match", '"another"'),
        ("If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"),
    ],
)
def test_its_etag_is_all_that_a_file_can_be_asked_by(client, header):
    response = client.get("/page/page.js", headers=[header])
    assert response.status_code == 200
    assert len(response.get_data()) > 1_000


def test_other_limits_make_another_etag(client):
    app = Flask("page", static_folder=None)
    app.register_blueprint(page.blueprint(Settings(max_texts=8)))
    assert app.test_client().get("/").headers["ETag"] != client.get("/").headers["ETag"]


@pytest.mark.parametrize("name", ["none.js", "..%2fpage%2fpage", "../routes", "PAGE.JS", ""])
def test_nothing_but_the_page_is_served(client, name):
    assert_problem(client.get(f"/page/{name}"), 404, "not-found")


def test_both_languages_say_the_same_things():
    english, korean = words()["en"], words()["ko"]
    assert english.keys() == korean.keys()
    for key in english:
        blanks = [sorted(re.findall(r"\{(\w+)\}", said[key])) for said in (english, korean)]
        assert blanks[0] == blanks[1], key
        assert all(said[key].strip() for said in (english, korean))


def test_every_string_is_used_and_every_used_one_is_there():
    known = set(words()["en"])
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    in_html = set(re.findall(r'data-t(?:-\w+)?="([^"]+)"', html))
    assert in_html <= known
    code = "".join((FOLDER / name).read_text() for name in SCRIPTS if name != "strings.js")
    assert set(re.findall(r'\bt\("([^"]+)"', code)) <= known
    quoted = {key for key in known if f'"{key}"' in code} | {f"example-{n}" for n in range(1, 5)}
    assert known - in_html - quoted == set()


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_an_address_elsewhere(name):
    text = (FOLDER / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|[\"'(]//|@import|url\((?![\"']?#)", text)


def test_the_html_has_no_script_and_no_style_of_its_own():
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>([^<]*)", html) == [""]
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_out_of_text(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )


def test_every_module_that_is_imported_is_there():
    for name in SCRIPTS:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./([^"]+)"', text)) <= set(FILES), name
