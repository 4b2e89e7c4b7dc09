"""The page in a real browser, asking the real service with the bundles that ship."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import unicodedata
from contextlib import contextmanager
from pathlib import Path

import pytest
from local_http import free_port
from test_gunicorn import (
    COMMAND,
    READY_SECONDS,
    ROOT,
    STOP_SECONDS,
    Service,
    environment,
    eventually,
    post,
)

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: `make setup-e2e`")
expect = playwright.expect

pytestmark = pytest.mark.e2e

SOON = 20_000  # milliseconds, on a machine with much else to do
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1000, "height": 800}


@contextmanager
def started(log, models_dir, **settings):
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env=environment(port, models_dir, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = Service(process, port, log)
    try:
        eventually(lambda: "ready on http://" in log.read_text(), READY_SECONDS, running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One for all tests, on the bundles that ship."""
    log = tmp_path_factory.mktemp("service") / "log"
    with started(log, ROOT / "models", THREADS=16) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        # Debian's and Ubuntu's names for it, or None for the one that Playwright has installed.
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        if path is None and not Path(running.chromium.executable_path).exists():
            pytest.skip(
                "needs Chromium: `apt-get install chromium` or `playwright install chromium`"
            )
        started = running.chromium.launch(
            executable_path=path,
            chromium_sandbox=os.geteuid() != 0,  # which root cannot have
            args=["--disable-quic"],
        )
        expect.set_options(timeout=SOON)
        yield started
        started.close()


@pytest.fixture
def visit(browser, service):
    """A context manager: the page, opened in a browser of its own.

    Whatever the console complains of, and every request that leaves the service, fails the test,
    but for the complaints that `expected`, a regular expression, is found in.
    """

    @contextmanager
    def opened(expected="(?!)", path="/", before=lambda page: None, port=service.port, **options):
        options = {"viewport": DESK, "locale": "en-GB", **options}
        context = browser.new_context(**options)
        context.set_default_timeout(SOON)
        page = context.new_page()
        complaints, requests = [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.on("request", lambda request: requests.append(request.url))
        before(page)
        page.goto(f"http://127.0.0.1:{port}{path}")
        yield page
        context.close()
        assert [text for text in complaints if not re.search(expected, text)] == []
        own = (f"http://127.0.0.1:{port}/", "blob:", "data:")
        assert [url for url in requests if not url.startswith(own)] == []

    return opened


def type_in(page, text):
    page.get_by_label("Your text", exact=True).last.fill(text)


def answered(page):
    expect(page.locator("#mood")).to_be_visible()


def predictions(service, texts):
    with service.connection() as connection:
        status, _, body = post(connection, {"texts": texts})
        assert status == 200
        return json.loads(body)["predictions"]


def file_of(content, name="reviews.csv"):
    data = content if isinstance(content, bytes) else content.encode()
    return {"name": name, "mimeType": "text/csv", "buffer": data}


def downloaded(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def rows_of(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def refuse(page, pattern, responses):
    """Answer the first requests with these; then the service answers again."""
    left = list(responses)

    def handle(route):
        if left:
            route.fulfill(**left.pop(0))
        else:
            route.continue_()

    page.route(pattern, handle)


def answering(page, answer):
    page.route("**/explain", lambda route: route.fulfill(json=answer))


def made_up(scores, text="so so", known=1.0):
    label = max(scores, key=scores.__getitem__)
    even = {name: 1 / len(scores) for name in scores}
    step = {"text": "so", "start": 0, "end": 2, "score": 1 / len(scores), "added": 0.0}
    last = {"text": " so", "start": 2, "end": 5, "score": scores[label], "added": 0.1}
    return {
        "label": label,
        "score": scores[label],
        "scores": scores,
        "model": "made-up",
        "tokens": 2,
        "truncated": False,
        "known": known,
        "reading": [{**step, "scores": even}, {**last, "scores": scores}],
    }


# --- One text -----------------------------------------------------------------------------------


def test_a_typed_text_is_answered_with_label_and_confidence(visit, service):
    with visit() as page:
        page.locator("#text").press_sequentially("I loved every minute of it.", delay=5)
        answered(page)
        [wanted] = predictions(service, ["I loved every minute of it."])
        assert wanted["label"] == "positive"
        percent = round(min(wanted["score"], 0.99) * 100)
        expect(page.locator("#label")).to_have_text(f"Positive {percent}%")
        expect(page.locator("#confidence")).to_contain_text(f"about {percent} are right")
        expect(page.locator("#read-by")).to_contain_text("reviews-en")
        assert page.locator("#verdict").get_attribute("aria-live") == "polite"


def test_an_example_is_answered_and_the_words_are_coloured_as_they_turn_the_mood(visit):
    with visit() as page:
        page.get_by_role("button", name="The plot is thin").click()
        answered(page)
        turned = page.locator("#reading .up", has_text="loved")
        expect(turned).to_have_count(1)
        style = "(word) => getComputedStyle(word)"
        assert turned.evaluate(f"{style}.backgroundColor") != "rgba(0, 0, 0, 0)"
        assert turned.evaluate(f"{style}.textDecorationStyle") == "solid"
        down = page.locator("#reading .down").first
        assert down.evaluate(f"{style}.textDecorationStyle") == "dashed"
        assert down.evaluate(f"{style}.backgroundColor") != turned.evaluate(
            f"{style}.backgroundColor"
        )


def test_the_line_has_a_point_for_even_scores_and_one_for_each_word(visit):
    with visit() as page:
        type_in(page, "Not bad at all!")
        answered(page)
        points = page.locator("#line .mood").get_attribute("points").split()
        words = page.locator("#reading [data-place]").count()
        assert len(points) == words + 1
        assert points[0] == "0,50.00"
        heights = [float(point.split(",")[1]) for point in points]
        assert all(0 <= height <= 100 for height in heights)


def test_pointing_at_a_word_marks_it_and_its_place_on_the_line(visit):
    with visit() as page:
        type_in(page, "Not bad at all!")
        answered(page)
        page.locator("#reading [data-place='2']").hover()
        expect(page.locator("#reading .marked")).to_have_text("bad")
        expect(page.locator("#moment")).to_contain_text("After “bad”")
        assert page.locator("#place").input_value() == "2"
        page.locator("h1").hover()
        expect(page.locator("#reading .marked")).to_have_count(0)


KEPT = [
    pytest.param("  two  spaces\n\nand lines ", id="spaces and line breaks"),
    pytest.param(
        "nice 😀👍🏽 film ½ ﬁne", id="outside the basic plane, and folded by the tokenizer"
    ),
    pytest.param(unicodedata.normalize("NFD", "정말 재미있어요"), id="decomposed Hangul"),
    pytest.param("<b>bold</b> & <img src=x onerror=alert(1)>", id="markup"),
]


@pytest.mark.parametrize("text", KEPT)
def test_the_coloured_text_is_the_text_that_was_typed(visit, text):
    with visit() as page:
        type_in(page, text)
        answered(page)
        shown = page.locator("#reading")
        assert shown.evaluate("(element) => element.textContent") == text
        assert shown.locator("b, img").count() == 0


def test_a_text_of_one_word_has_a_line_too(visit):
    with visit() as page:
        type_in(page, "good")
        answered(page)
        assert page.locator("#line .mood").get_attribute("points").startswith("0,50.00 1,")


def test_half_a_surrogate_pair_does_not_stop_the_page(visit):
    with visit() as page:
        page.locator("#text").evaluate(
            "(field) => { field.value = 'good \\ud83d'; field.dispatchEvent(new Event('input')) }"
        )
        answered(page)
        expect(page.locator("#label")).to_contain_text("Positive")


def test_korean_is_read_by_the_korean_bundle_while_it_is_being_composed(visit):
    with visit(locale="ko-KR") as page:
        expect(page.locator("html")).to_have_attribute("lang", "ko")
        expect(page.locator("h1")).to_have_text("어떤 느낌인가요?")
        page.locator("#text").focus()
        keyboard = page.context.new_cdp_session(page)
        keyboard.send("Input.insertText", {"text": "정말 재미있어"})
        composing = {"text": "요", "selectionStart": 1, "selectionEnd": 1}
        keyboard.send("Input.imeSetComposition", composing)
        answered(page)  # although the last syllable is still open
        expect(page.locator("#reading")).to_have_text("정말 재미있어요")
        expect(page.locator("#reading")).to_have_attribute("lang", "ko")
        expect(page.locator("#read-by")).to_contain_text("reviews-ko")
        expect(page.locator("#label")).to_contain_text("긍정")
        assert page.locator("#text").input_value() == "정말 재미있어요"


def test_only_the_latest_text_is_answered(visit):
    with visit() as page:
        held = []

        def hold(route):
            if "awful" in route.request.post_data:
                held.append(route)
            else:
                route.continue_()

        page.route("**/explain", hold)
        with page.expect_request("**/explain"):
            type_in(page, "awful, simply awful")
        type_in(page, "wonderful, simply wonderful")
        answered(page)
        expect(page.locator("#label")).to_contain_text("Positive")
        assert len(held) == 1
        page.wait_for_timeout(100)
        expect(page.locator("#reading")).to_have_text("wonderful, simply wonderful")


def test_typing_without_a_pause_asks_once(visit):
    with visit() as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.locator("#text").evaluate(
            """(field) => { for (const letter of "a good film") {
                 field.value += letter;
                 field.dispatchEvent(new InputEvent("input"));
               } }"""
        )
        answered(page)
        assert [url for url in asked if url.endswith("/explain")] == asked[-1:]


def test_clearing_the_text_clears_the_answer(visit):
    with visit() as page:
        type_in(page, "good")
        answered(page)
        type_in(page, " ")
        expect(page.locator("#answer")).to_be_hidden()
        expect(page.locator("#trouble")).to_be_hidden()


def test_a_long_text_is_answered_before_its_words_are_coloured(visit):
    text = "A long film, and I loved every minute of it. " * 10
    with visit() as page, page.expect_response("**/explain") as explained:
        type_in(page, text)
        expect(page.locator("#label")).to_contain_text("Positive")
        assert page.locator("#reading").evaluate("(element) => element.textContent") == text
        expect(page.locator("#reading span")).to_have_count(0)
        assert explained.value.ok
        answered(page)
        assert page.locator("#reading").evaluate("(element) => element.textContent") == text


def test_a_text_that_is_too_long_is_said_to_be_cut_and_shown_whole(visit):
    text = "good " * 1100 + "END"
    with visit(expected="status of 504") as page:
        refuse(page, "**/explain", [problem(504, "deadline")])
        type_in(page, text)
        expect(page.locator("#notes")).to_have_text(
            "The text is too long: only its beginning was read. "
            "What each word did could not be shown in time."
        )
        expect(page.locator("#label")).to_contain_text("Positive")
        assert page.locator("#reading").evaluate("(element) => element.textContent") == text
        expect(page.locator("#trouble")).to_be_hidden()


def test_what_was_not_read_is_shown_apart(visit):
    with visit() as page:
        answering(page, made_up({"negative": 0.1, "positive": 0.9}) | {"truncated": True})
        type_in(page, "so so and so on")
        expect(page.locator("#reading .unread")).to_have_text(" and so on")


@pytest.mark.parametrize(
    ("scores", "known", "label", "reason"),
    [
        ({"negative": 0.45, "positive": 0.55}, 1.0, "Undecided", "Positive 55%: close to even."),
        ({"negative": 0.5, "positive": 0.5}, 0.0, "Nothing to go by", "knows no word"),
        ({"negative": 0.1, "positive": 0.9}, 0.3, "Positive 90%", "knows only 30% of this text"),
        ({"negative": 0.0, "positive": 1.0}, 1.0, "Positive 99%", "about 99 are right"),
    ],
    ids=["close scores", "nothing known", "little known", "no answer is certain"],
)
def test_the_page_says_how_far_an_answer_can_be_trusted(visit, scores, known, label, reason):
    with visit() as page:
        answering(page, made_up(scores, known=known))
        type_in(page, "so so")
        expect(page.locator("#label")).to_have_text(label)
        expect(page.locator("#confidence")).to_contain_text(reason)


def test_other_classes_have_a_bar_each_and_colours_for_the_one_that_is_given(visit):
    with visit() as page:
        answering(page, made_up({"<b>refund</b>": 0.1, "praise": 0.7, "question": 0.2}))
        type_in(page, "so so")
        answered(page)
        expect(page.locator("#label")).to_have_text("praise 70%")
        bars = page.locator("#bars li")
        expect(bars).to_have_text(["<b>refund</b> 10%", "praise 70%", "question 20%"])
        expect(page.locator("#reading .up")).to_have_text("so")
        expect(page.locator("#axis-top")).to_have_text("praise")
        expect(page.locator("#axis-bottom")).to_have_text("")


def test_a_bundle_can_be_chosen(visit):
    with visit() as page:
        type_in(page, "good")
        answered(page)
        page.get_by_label("Model").select_option("reviews-ko")
        expect(page.locator("#read-by")).to_contain_text("reviews-ko")


# --- When something is wrong ----------------------------------------------------------------------


def test_a_service_that_is_gone_is_told_and_asked_again_on_request(visit):
    with visit(expected="ERR_INTERNET_DISCONNECTED") as page:
        page.context.set_offline(True)
        type_in(page, "good")
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        assert page.locator("#text").input_value() == "good"
        page.context.set_offline(False)
        page.get_by_role("button", name="Try again").click()
        answered(page)
        expect(page.locator("#trouble")).to_be_hidden()


def problem(status, code, detail="…", **headers):
    document = {"title": "", "status": status, "code": code, "detail": detail}
    return {"status": status, "json": document, "headers": headers}


@pytest.mark.parametrize("status", [503, 429])
def test_a_busy_service_is_asked_again_when_it_says(visit, status):
    with visit(expected=f"status of {status}") as page:
        refuse(page, "**/explain", [problem(status, "overloaded", **{"Retry-After": "1"})] * 2)
        type_in(page, "good")
        expect(page.get_by_role("alert")).to_contain_text("busy; trying again in 1 s")
        answered(page)
        expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (problem(422, "invalid-field", "Odd <b>text</b>."), "accept this: Odd <b>text</b>."),
        (problem(413, "body-too-large"), "more than the service takes"),
        (problem(504, "deadline"), "not ready in time"),
        (problem(500, "internal", "Its log says why."), "The service failed"),
        ({"status": 502, "body": "<h1>Bad gateway</h1>"}, "does not answer"),
    ],
    ids=["422", "413", "504", "500", "a proxy's 502"],
)
def test_every_refusal_is_told_in_plain_words(visit, response, said):
    with visit(expected=f"status of {response['status']}") as page:
        refuse(page, "**/explain", [response])
        type_in(page, "good")
        expect(page.locator("#trouble-text")).to_contain_text(said)


@pytest.fixture
def guarded(models_dir, tmp_path):
    """A service that wants a key: `secret-of-the-page`."""
    settings = {"API_KEYS": "page:secret-of-the-page"}
    with started(tmp_path / "log", models_dir, **settings) as running:
        yield running


def test_a_key_is_asked_for_when_the_service_wants_one_and_kept_in_this_tab_only(visit, guarded):
    with visit(expected="status of 401", port=guarded.port) as page:
        type_in(page, "good")
        expect(page.get_by_role("alert")).to_contain_text("API key")
        page.get_by_label("API key").fill("secret…page")  # no header can carry it
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("alert")).to_contain_text("API key")
        page.get_by_label("API key").fill("secret-of-the-page")
        page.get_by_role("button", name="Use it").click()
        answered(page)
        expect(page.locator("#key-form")).to_be_hidden()
        expect(page.locator("#trouble")).to_be_hidden()
        assert "secret" not in page.evaluate("JSON.stringify({...localStorage}) + document.cookie")
        page.reload()
        type_in(page, "good again")
        answered(page)


# --- Several lines --------------------------------------------------------------------------------


def test_several_lines_make_a_table_with_a_count(visit, service):
    with visit() as page:
        lines = ["Great sound, clear picture.", "정말 재미있어요", "Broken. Never again."]
        type_in(page, f"{lines[0]}\n\n{lines[1]}\n  \n{lines[2]}\n")
        page.get_by_label("Line by line (3)").check()
        expect(page.locator("#summary")).to_contain_text("All 3 rows are scored.")
        table = page.get_by_role("table", name="How each text feels")
        expect(table.locator("tbody tr")).to_have_count(3)
        for place, (line, wanted) in enumerate(
            zip(lines, predictions(service, lines), strict=True)
        ):
            percent = f"{round(min(wanted['score'], 0.99) * 100)}%"
            label = wanted["label"].capitalize()
            cells = table.locator("tbody tr").nth(place).locator("td")
            expect(cells).to_have_text([str(place + 1), line, label, percent])
        expect(page.locator("#summary li")).to_have_text(["Positive: 2 (67%)", "Negative: 1 (33%)"])
        page.get_by_label("One text").check()
        answered(page)
        expect(page.locator("#rows")).to_be_hidden()


def test_lines_that_take_long_show_their_progress_and_can_be_stopped(visit):
    with visit() as page:
        held = []
        page.route("**/predict", lambda route: held.append(route))
        type_in(page, "\n".join(f"number {n} is good" for n in range(100)))
        page.get_by_label("Line by line (100)").check()
        expect(page.get_by_role("progressbar", name="0 of 100 rows")).to_be_visible()
        held.pop().continue_()
        expect(page.get_by_role("progressbar", name="32 of 100 rows")).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#summary")).to_contain_text("Stopped after 32 of 100 rows.")
        expect(page.locator("#rows-title")).to_be_focused()
        page.unroute("**/predict")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#summary")).to_contain_text("All 100 rows are scored.")
        name, data = downloaded(page)
        assert name == "lines-scored.csv"
        assert data.startswith(b"\xef\xbb\xbf")  # Excel in Korea takes others for EUC-KR
        _, *rows = rows_of(data)
        assert [row[0] for row in rows] == [f"number {n} is good" for n in range(100)]
        assert all(row[1] for row in rows)


def test_who_goes_on_twice_at_once_has_each_line_scored_once(visit):
    with visit(expected="status of 500") as page:
        refuse(page, "**/predict", [problem(500, "internal")])
        type_in(page, "good\nbad\n정말 재미있어요")
        page.get_by_label("Line by line (3)").check()
        sent = []
        page.on("request", lambda request: sent.append(request.url))
        page.get_by_role("button", name="Go on").dblclick()
        expect(page.locator("#summary")).to_contain_text("All 3 rows are scored.")
        expect(page.locator("#body tr")).to_have_count(3)
        expect(page.locator("#trouble")).to_be_hidden()
        assert len([url for url in sent if url.endswith("/predict")]) == 1


def test_one_line_offers_no_table(visit):
    with visit() as page:
        type_in(page, "one line\n\n")
        answered(page)
        expect(page.locator("#how")).to_be_hidden()


# --- A file ---------------------------------------------------------------------------------------

TABLE = [
    ["id", "review", "label"],
    ["1", "Great, I loved it", 'a "quoted" note'],
    ["2", "Broke after\none day", "=1+1"],
    ["3", "정말 재미있어요", ""],
    ["4", "", "blank"],
]


def written(rows, delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def score(page):
    page.get_by_role("button", name=re.compile("^Score [0-9,]+ rows$")).click()


def test_a_file_is_scored_and_given_back_with_label_and_scores(visit, service):
    with visit() as page:
        page.set_input_files("#file", file_of(written(TABLE)))
        expect(page.get_by_role("heading", level=2)).to_have_text("reviews.csv: 4 rows")
        expect(page.get_by_label("Column with the text")).to_have_value("1")
        score(page)
        expect(page.locator("#summary")).to_contain_text("All 4 rows are scored.")
        expect(page.locator("#body tr").last).to_contain_text("Nothing to go by")
        name, data = downloaded(page)
        assert name == "reviews-scored.csv"
        assert not data.startswith(b"\xef\xbb\xbf")
        header, *rows = rows_of(data)
        names = ["label", "score", "negative", "positive"]
        assert header == [*TABLE[0], *(f"manytone_{name}" for name in names)]
        answers = predictions(service, [row[1] for row in TABLE[1:]])
        for source, row, answer in zip(TABLE[1:], rows, answers, strict=True):
            assert row[:3] == source
            assert row[3] == (answer["label"] if answer["known"] else "")
            numbers = [answer["score"], *answer["scores"].values()]
            assert [float(cell) for cell in row[4:]] == pytest.approx(numbers, abs=1e-5)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        pytest.param(written(TABLE).encode("utf-8-sig"), "utf-8", id="UTF-8 with its mark"),
        pytest.param(written(TABLE).encode("cp949"), "euc-kr", id="Korean Excel"),
        pytest.param(written(TABLE).encode("utf-16"), "utf-16le", id="UTF-16"),
        pytest.param(written(TABLE, ";").encode(), "utf-8", id="semicolons"),
        pytest.param(written(TABLE, "\t").encode(), "utf-8", id="tabs"),
    ],
)
def test_encodings_and_separators_are_found_out(visit, data, encoding):
    with visit() as page:
        page.set_input_files("#file", file_of(data))
        expect(page.get_by_label("Encoding")).to_have_value(encoding)
        score(page)
        expect(page.locator("#body tr").nth(2)).to_contain_text("정말 재미있어요")
        expect(page.locator("#body tr").nth(1)).to_contain_text("Broke after")


@pytest.mark.parametrize(
    ("content", "first", "header"),
    [
        pytest.param(",review\n0,Good\n1,Bad\n", "Good", ["", "review"], id="a data frame's index"),
        pytest.param("\treview\n0\tSo, so\n", "So, so", ["", "review"], id="the same with tabs"),
        pytest.param("PK,text\n1,Good\n", "Good", ["PK", "text"], id="begins as a workbook"),
        pytest.param(b"\xef\xbb\xbftext\n\xec\xa2\x8b\xeb\x8b\xa4\xff\n", "좋다\ufffd", ["text"],
                     id="a bad byte in marked UTF-8"),
        pytest.param("text,label,manytone_score\nGood,1,2\n", "Good",
                     ["text", "label", "manytone_score"], id="scored before"),
    ],
)  # fmt: skip
def test_a_header_stays_as_it_is_and_names_come_once(visit, content, first, header):
    with visit() as page:
        page.set_input_files("#file", file_of(content))
        expect(page.locator("#first-text")).to_have_text(f"First text: {first}")
        score(page)
        expect(page.locator("#summary")).to_contain_text("scored.")
        data = downloaded(page)[1].decode("utf-8-sig")
        delimiter = "\t" if "\t" in data else ","
        found = next(csv.reader(io.StringIO(data, newline=""), delimiter=delimiter))
        assert found[: len(header)] == header
        assert len(set(found)) == len(found) == len(header) + 4


def test_a_text_that_the_network_reads_in_part_is_counted(visit):
    with visit() as page:
        page.set_input_files("#file", file_of(f"text\nGood\n{'good film ' * 1_000}\n"))
        score(page)
        expect(page.locator("#summary")).to_contain_text("read only in part: 1 rows.")


def test_column_header_and_encoding_can_be_changed(visit):
    with visit() as page:
        content = "caf\xe9;a\r\nIt isn\x92t good;no text\r\n".encode("latin-1")
        page.set_input_files("#file", file_of(content))
        expect(page.get_by_label("Encoding")).to_have_value("windows-1252")
        expect(page.locator("#first-text")).to_have_text("First text: It isn’t good")
        page.get_by_label("The first row has the names").uncheck()
        expect(page.locator("#first-text")).to_have_text("First text: café")
        page.get_by_label("Column with the text").select_option("Column 2")
        expect(page.locator("#first-text")).to_have_text("First text: a")
        expect(page.get_by_role("button", name="Score 2 rows")).to_be_enabled()


def test_rows_of_unlike_length_keep_the_added_columns_in_line(visit):
    with visit() as page:
        page.set_input_files("#file", file_of("Good,a\nBad,b,c\n"))
        page.get_by_label("The first row has the names").uncheck()
        score(page)
        expect(page.locator("#summary")).to_contain_text("All 2 rows are scored.")
        rows = rows_of(downloaded(page)[1])
        assert [row[:4] for row in rows] == [
            ["Good", "a", "", "positive"],
            ["Bad", "b", "c", "negative"],
        ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "reviews.csv has no rows."),
        (b"PK\x03\x04\x14\x00", "is a workbook, not a CSV file"),
        (b"text\n\x00\x01", "is no text"),
        (b'text\nfine\n"never closed\nfine\n', "opens in line 3 is never closed"),
    ],
    ids=["empty", "workbook", "binary", "open quotation mark"],
)
def test_a_file_that_cannot_be_read_is_refused_and_the_text_stays(visit, data, said):
    with visit() as page:
        type_in(page, "good")
        answered(page)
        page.set_input_files("#file", file_of(data))
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.locator("#mood")).to_be_visible()
        expect(page.locator("#rows")).to_be_hidden()
        assert page.input_value("#file") == ""  # or the mended file could not be chosen


def test_a_file_can_be_dropped_on_the_page(visit):
    with visit() as page:
        dropped = page.evaluate_handle(
            """() => {
                 const data = new DataTransfer();
                 data.items.add(new File(["review\\nGood\\nBad\\n"], "dropped.csv"));
                 return data;
               }"""
        )
        page.dispatch_event("body", "dragover", {"dataTransfer": dropped})
        expect(page.locator("#drop")).to_be_visible()
        page.dispatch_event("body", "drop", {"dataTransfer": dropped})
        expect(page.locator("#drop")).to_be_hidden()
        expect(page.get_by_role("heading", level=2)).to_have_text("dropped.csv: 2 rows")
        page.get_by_role("button", name="Back to one text").click()
        expect(page.locator("#text")).to_be_visible()
        expect(page.get_by_role("button", name="Score a CSV file")).to_be_focused()


def many(count):
    return "text\n" + "".join(f"number {n} is good\n" for n in range(count))


def test_scoring_shows_its_progress_and_can_be_stopped_and_gone_on_with(visit):
    with visit() as page:
        held = []
        page.set_input_files("#file", file_of(many(100)))

        def hold_the_second(route):
            held.append(route)
            if len(held) != 2:
                route.continue_()

        page.route("**/predict", hold_the_second)
        score(page)
        bar = page.get_by_role("progressbar", name="32 of 100 rows")
        expect(bar).to_have_js_property("value", 32)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#summary")).to_contain_text("Stopped after 32 of 100 rows.")
        header, *rows = rows_of(downloaded(page)[1])
        assert header == ["text", "label", "score", "negative", "positive"]
        assert [bool(row[1]) for row in rows] == [True] * 32 + [False] * 68
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#summary")).to_contain_text("All 100 rows are scored.")
        assert all(row[1] for row in rows_of(downloaded(page)[1])[1:])


def test_the_table_shows_the_first_rows_and_the_download_has_all(visit):
    with visit() as page:
        page.set_input_files("#file", file_of(many(450)))
        score(page)
        expect(page.locator("caption")).to_contain_text("the first 200 of 450 rows")
        expect(page.locator("#body tr")).to_have_count(200)
        expect(page.locator("#summary")).to_contain_text("All 450 rows are scored.")
        texts = [row[0] for row in rows_of(downloaded(page)[1])[1:]]
        assert texts == [f"number {n} is good" for n in range(450)]


def test_a_part_that_is_too_large_or_too_slow_is_asked_for_in_halves(visit):
    with visit(expected="status of (413|504)") as page:
        sizes = []

        def handle(route):
            sizes.append(len(route.request.post_data_json["texts"]))
            if sizes[-1] > 10:
                status, code = ((413, "body-too-large"), (504, "deadline"))[len(sizes) % 2]
                route.fulfill(**problem(status, code))
            else:
                route.continue_()

        page.route("**/predict", handle)
        page.set_input_files("#file", file_of(many(20)))
        score(page)
        expect(page.locator("#summary")).to_contain_text("All 20 rows are scored.")
        assert sizes[:3] == [20, 10, 10]


def test_the_limits_of_the_service_are_kept(visit):
    def tighten(page):
        def rewrite(route):
            text = re.sub('texts="[0-9]+"', 'texts="10"', route.fetch().text())
            text = re.sub('characters="[0-9]+"', 'characters="30"', text)
            route.fulfill(body=text, content_type="text/html; charset=utf-8")

        page.route(re.compile("/$"), rewrite)

    with visit(before=tighten) as page:
        sent = []
        page.on("request", lambda request: sent.append(request))
        page.set_input_files("#file", file_of(f"{many(25)}{'😀' * 40}\n"))
        score(page)
        expect(page.locator("#summary")).to_contain_text("read only in part: 1 rows.")
        asked = [r.post_data_json["texts"] for r in sent if r.url.endswith("/predict")]
        assert [len(texts) for texts in asked] == [10, 10, 6]
        assert asked[-1][-1] == "😀" * 30


def test_a_text_larger_than_a_body_may_be_is_cut_between_characters(visit):
    def tighten(page):
        def rewrite(route):
            text = re.sub('bytes="[0-9]+"', 'bytes="1000"', route.fetch().text())
            route.fulfill(body=text, content_type="text/html; charset=utf-8")

        page.route(re.compile("/$"), rewrite)

    with visit(before=tighten) as page:
        sent = []
        page.on("request", lambda request: sent.append(request))
        type_in(page, "😀" * 300)
        answered(page)
        [asked] = {r.post_data_json["text"] for r in sent if r.url.endswith("/explain")}
        assert asked == "😀" * 75


CSV_CASES = [
    ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
    ('a,"b, ""c"""\n', [["a", 'b, "c"']]),
    ('"x\r\ny",z', [["x\r\ny", "z"]]),
    ("a,\n,b\n", [["a", ""], ["", "b"]]),
    ("a,", [["a", ""]]),
    ("a\r\rb", [["a"], ["b"]]),
    ('""\n\n"",""\n', [[""], ["", ""]]),
    ('5" screen,good\n', [['5" screen', "good"]]),
    ("", []),
]


@pytest.mark.parametrize(("text", "rows"), CSV_CASES, ids=[repr(case[0]) for case in CSV_CASES])
def test_csv_is_read_as_it_is_meant_and_written_back(visit, text, rows):
    with visit() as page:
        script = "async ([name, given]) => (await import('/page/csv.js'))[name](given, ',')"
        assert page.evaluate(script, ["parse", text]) == rows
        assert page.evaluate(script, ["parse", page.evaluate(script, ["write", rows])]) == rows


# --- For everybody --------------------------------------------------------------------------------


def test_the_page_is_walked_by_keyboard(visit):
    with visit() as page:
        focused = "document.activeElement.id || document.activeElement.textContent"
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate(focused) == "한국어"
        page.keyboard.press("Tab")
        assert page.evaluate(focused) == "text"
        page.keyboard.type("Not bad at all!")
        answered(page)
        page.keyboard.press("Tab")
        assert page.evaluate(focused) == "place"
        page.keyboard.press("Home")
        expect(page.locator("#reading .marked")).to_have_text("Not")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#reading .marked")).to_have_text("bad")
        value = page.locator("#place").get_attribute("aria-valuetext")
        assert value.startswith("After “bad”: ")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#reading")).to_contain_text("The plot is thin")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_mend(visit, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
    with visit(color_scheme=scheme) as page:

        def check():
            results = axe.Axe().run(page)
            assert results.violations_count == 0, results.generate_report()

        check()
        page.get_by_role("button", name="The plot is thin").click()
        answered(page)
        page.locator("#reading [data-place='2']").hover()
        check()
        page.get_by_role("button", name="Five lines at once").click()
        expect(page.locator("#summary li").first).to_be_visible()
        check()
        page.set_input_files("#file", file_of(written(TABLE)))
        expect(page.locator("#score")).to_be_visible()
        check()


def lightness(colour):
    """Relative luminance (WCAG 2.2) of what `getComputedStyle` calls a colour."""
    channels = [float(number) for number in re.findall(r"[\d.]+", colour)][:3]
    scale = 1 if colour.startswith("color(") else 255
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / scale for channel in channels)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_words_can_be_read_on_the_strongest_colour(visit, scheme, direction):
    with visit(color_scheme=scheme) as page:
        type_in(page, "good")
        answered(page)
        ink, tint = page.locator("#reading").evaluate(
            """(reading, direction) => {
                 const word = reading.querySelector("span");
                 word.className = direction;
                 word.style.setProperty("--strength", 1);
                 const tint = "color-mix(in srgb, var(--tint) var(--most), var(--paper))";
                 word.style.background = tint;
                 return [getComputedStyle(word).color, getComputedStyle(word).backgroundColor];
               }""",
            direction,
        )
        dark, light = sorted([lightness(ink), lightness(tint)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_light_and_dark_follow_the_system(visit):
    shown = {}
    for scheme in ("light", "dark"):
        with visit(color_scheme=scheme) as page:
            style = "getComputedStyle(document.documentElement).backgroundColor"
            shown[scheme] = lightness(page.evaluate(style))
    assert shown["light"] > 0.9
    assert shown["dark"] < 0.1


@pytest.mark.parametrize("locale", ["en", "ko"])
def test_a_phone_never_scrolls_sideways(visit, locale):
    width = "document.documentElement.scrollWidth"
    with visit(viewport=PHONE, locale=locale) as page:
        assert page.evaluate(width) == 360
        page.locator("#text").fill("Incomprehensibilities" * 20)
        answered(page)
        assert page.evaluate(width) == 360
        page.locator("#examples li").last.locator("button").click()
        expect(page.locator("#summary li").first).to_be_visible()
        assert page.evaluate(width) == 360
        page.set_input_files("#file", file_of(written(TABLE), f"{'long' * 30}.csv"))
        expect(page.locator("#score")).to_be_visible()
        assert page.evaluate(width) == 360


def test_the_language_is_switched_and_remembered(visit):
    with visit() as page:
        type_in(page, "good")
        answered(page)
        page.get_by_role("button", name="한국어").click()
        expect(page.locator("html")).to_have_attribute("lang", "ko")
        expect(page.locator("#label")).to_contain_text("긍정")
        expect(page.get_by_role("button", name="한국어")).to_have_attribute("aria-pressed", "true")
        page.reload()
        expect(page.locator("h1")).to_have_text("어떤 느낌인가요?")


def test_the_page_works_behind_a_prefix(visit):
    def behind(page):
        page.route(
            "**/tone/**",
            lambda route: route.continue_(url=route.request.url.replace("/tone/", "/")),
        )

    with visit(before=behind, path="/tone/") as page:
        type_in(page, "good")
        answered(page)
        expect(page.locator("#model-choice")).to_be_visible()
