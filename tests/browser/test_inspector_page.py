"""The inspector's page in a real browser."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fc_adapter.inspector import changes
from tests.browser.conftest import SOURCE
from tests.support.server import PATIENCE, Server, wait_until

pytestmark = pytest.mark.browser


def answered(status=200, headers=(), body="ok"):
    """The body of a request to /answer."""
    return json.dumps({"status": status, "headers": list(headers), "body": body})


def id_of(answer):
    return answer.headers["X-Fc-Request-Id"]


def visit(open_page, answer, **options):
    """Open the page at one invocation, and wait until it is shown."""
    page = open_page(f"#{id_of(answer)}", **options)
    page.wait_for_selector(".station.response .start-line .status")
    return page


def marks(page, station):
    """What is marked at a station: pairs of the text that is marked, up to its badge, and the badge."""
    return page.evaluate(
        """(station) => [...document.querySelectorAll(`.station.${station} .mark`)].map((badge) => [
            badge.closest("tr, li, .start-line, .body-head, .station-body").firstElementChild.textContent,
            badge.textContent,
        ])""",
        station,
    )


# ---- the list --------------------------------------------------------------------------------------------------------


def test_requests_show_as_they_come(open_page, server):
    page = open_page()
    answer = server.get("/live?tag=%E4%BD%A0")
    row = page.locator(f"#row-{id_of(answer)}")
    row.wait_for()
    assert row.locator(".row-method").text_content() == "GET"
    assert row.locator(".row-target").text_content() == "/live?tag=你"
    assert row.locator(".row-target").get_attribute("title") == "/live?tag=%E4%BD%A0"
    page.wait_for_function("(id) => document.getElementById(id).querySelector('.s2')", arg=f"row-{id_of(answer)}")
    assert row.locator(".row-ms").text_content().endswith("ms")
    assert row.locator(".row-instance").text_content().startswith("c-")
    assert row.locator(".row-id").text_content() == id_of(answer)
    later = server.get("/later")
    page.wait_for_selector(f"#row-{id_of(later)}")
    assert page.locator(".row").first.get_attribute("id") == f"row-{id_of(later)}"
    assert page.locator("#announce").get_attribute("aria-live") == "polite"


@contextlib.contextmanager
def waiting(server):
    """A request that runs until the end of the ``with`` block."""
    thread = threading.Thread(target=server.get, args=("/wait",))
    thread.start()
    try:
        yield
    finally:
        server.go.touch()
        thread.join(PATIENCE)
        server.go.unlink()


def test_what_runs_shows_before_it_is_over(open_page, server):
    page = open_page()
    with waiting(server):
        page.wait_for_selector(".row.is-running .row-ms:text('Running')")
        page.locator(".row.is-running").first.click()
        page.wait_for_selector(".station.response:has-text('Still running')")
    page.wait_for_selector(".station.response .status.s2")
    page.wait_for_function("() => document.querySelectorAll('.row.is-running').length === 0")


def test_cold_starts_and_failures_stand_out(open_page, servers):
    server, inspector = servers("index:handler", "--initializer", "index.initialize")
    first, failed, refused = server.get("/first"), server.get("/raise"), server.request("TRACE", "/")
    page = open_page(url=inspector.url)
    row = page.locator(f"#row-{id_of(first)}")
    assert "cold start" in row.text_content()
    assert "init" in row.text_content()
    assert "cold start" not in page.locator(f"#row-{id_of(failed)}").text_content()
    for answer, label in ((failed, "function error"), (refused, "refused")):
        assert page.locator(f"#row-{id_of(answer)}.failed .tag", has_text=label).count() == 1


def test_filter(open_page, server):
    get, post = server.get("/filter/one"), server.request("POST", "/filter/two", b"")
    missing = server.request("POST", "/answer?filter", answered(404))
    page = open_page()
    page.wait_for_selector(f"#row-{id_of(missing)} .s4")

    def shown():
        return page.eval_on_selector_all(".row", "rows => rows.map((row) => row.dataset.id)")

    page.fill("#filter-text", "FILTER one")
    assert shown() == [id_of(get)]
    page.fill("#filter-text", id_of(post))
    assert shown() == [id_of(post)]
    page.fill("#filter-text", "filter")
    assert shown() == [id_of(missing), id_of(post), id_of(get)]
    page.select_option("#filter-method", "POST")
    assert shown() == [id_of(missing), id_of(post)]
    page.select_option("#filter-status", "4xx")
    assert shown() == [id_of(missing)]
    assert page.locator("#count").text_content().startswith("1 of ")
    page.select_option("#filter-status", "5xx")
    assert page.locator("#list-empty").text_content().startswith("Nothing matches")
    page.click("#list-empty button")
    assert len(shown()) >= 3


def test_pause_and_clear(open_page, servers):
    server, inspector = servers("index:plain")
    page = open_page(url=inspector.url)
    page.wait_for_selector("#list-empty:has-text('No request yet')")
    assert f"curl http://127.0.0.1:{server.port}/" in page.locator("#list-empty").text_content()
    server.get("/one")
    page.wait_for_selector(".row .s2")
    page.click("#pause-button")
    server.get("/two")
    page.wait_for_selector("#count:has-text('1 new')")
    assert page.locator(".row").count() == 1
    page.click("#pause-button")
    page.wait_for_function("() => document.querySelectorAll('.row').length === 2")
    page.click("#clear-button")
    page.wait_for_selector("#list-empty:has-text('No request yet')")
    assert page.locator("#clear-button").is_disabled()


# ---- the detail ------------------------------------------------------------------------------------------------------


def test_four_stations_with_their_changes(open_page, server):
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Disposition", "inline"), ("TE", "x")]
    answer = server.request(
        "POST",
        "/answer?tag=1&tag=2",
        answered(200, headers, "你好"),
        {"Content-Type": "application/x-unknown", "x-lower": "1", "Keep-Alive": "x"},
    )
    page = visit(open_page, answer)
    titles = page.locator(".station-head h3").all_text_contents()
    assert titles == ["HTTP request", "Event", "Result", "HTTP response"]
    tops = page.eval_on_selector_all(".station", "stations => stations.map((each) => each.getBoundingClientRect().top)")
    assert len(set(tops)) == 1  # side by side
    assert marks(page, "request") == [["Keep-Alive", "dropped"]]
    assert marks(page, "event") == [
        ['"X-Lower"', "renamed"],
        ['"X-Forwarded-Proto"', "added"],
        ['"tag"', "joined"],
        ['"body"', "Base64"],
    ]
    assert marks(page, "result") == [
        ['"Set-Cookie"', "letter case"],
        ['"Set-CookiE"', "letter case"],
        ['"Content-Disposition"', "dropped"],
        ['"Content-Type"', "default"],
        ['"body"', "Base64"],
        ["TE", "dropped"],
    ]
    assert marks(page, "response") == [
        ["Content-Length", "added"],
        ["Date", "added"],
        ["X-Fc-Request-Id", "added"],
        ["Content-Disposition", "forced"],
        ["Body", "decoded"],
    ]
    assert page.locator(".station.event .body pre").text_content() == json.dumps(
        json.loads(answered(200, headers, "你好")), indent=2, ensure_ascii=False
    )
    assert page.locator(".station.response .body pre").text_content() == "你好"


def test_marks_say_why(open_page, server):
    page = visit(open_page, server.get("/why?tag=1&tag=2"))
    note = page.locator(".station.event .mark-note", has_text="split_query")
    assert note.is_visible()  # something is lost
    joined = page.locator(".station.event .mark", has_text="joined")
    joined.click()
    assert not note.is_visible()
    assert joined.get_attribute("aria-expanded") == "false"
    added = page.locator(".station.event .mark", has_text="added")
    assert added.get_attribute("aria-expanded") == "false"
    added.focus()
    page.keyboard.press("Enter")
    assert page.locator(".station.event .mark-note", has_text="Added by the gateway").is_visible()


def test_every_rule_has_a_sentence_in_both_languages(open_page):
    page = open_page()
    rules = page.evaluate(
        """async () => {
            const { english } = await import("/static/text-en.js");
            const { chinese } = await import("/static/text-zh.js");
            const missing = Object.keys(english).filter((key) => !key.includes(".one") && !(key in chinese));
            const unknown = Object.keys(chinese).filter((key) => !(key in english));
            const rules = Object.keys(english).filter((key) => key.startsWith("rule.")).map((key) => key.slice(5));
            const silent = rules.filter((rule) => !(`says.${rule}` in english));
            return { missing, unknown, silent, rules };
        }"""
    )
    source = Path(changes.__file__).read_text(encoding="utf-8")
    assert (rules["missing"], rules["unknown"], rules["silent"]) == ([], [], [])
    assert {rule for rule in rules["rules"] if f'"{rule}"' not in source} == set()
    assert source.count("yield Change(") == len(rules["rules"]) - 1 + source.count('yield Change("result-refused"') - 1


def test_log_and_timeline(open_page, server):
    answer = server.get("/background")
    page = visit(open_page, answer)
    page.wait_for_selector(".log-line.l-platform:has-text('FC Invoke End')")
    assert "serving /background" in page.locator(".log").text_content()
    page.wait_for_selector(".legend:has-text('handler'):has-text('background work'):has-text('frozen since')")
    server.get("/next")
    page.wait_for_selector(".legend:has-text('then frozen for')")


def test_freeze_that_a_slow_request_ends(open_page, server):
    page = visit(open_page, server.get("/before"))
    page.wait_for_selector(".legend:has-text('frozen since')")
    with waiting(server):
        page.wait_for_selector(".legend:not(:has-text('frozen since'))")
    page.wait_for_selector(".legend:has-text('then frozen for')")


def test_what_was_opened_stays_open_when_something_changes(open_page, server):
    page = visit(open_page, server.get("/opened"))
    page.wait_for_selector(".legend:has-text('frozen since')")
    page.locator(".answer summary").click()
    page.locator(".station.event .mark", has_text="added").click()
    server.get("/next")
    page.wait_for_selector(".legend:has-text('then frozen for')")
    assert page.locator(".answer").get_attribute("open") is not None
    assert page.locator(".station.event .mark-note", has_text="Added by the gateway").is_visible()


def test_traceback_of_a_function_error(open_page, server):
    page = visit(open_page, server.get("/raise"))
    error = page.locator(".error")
    assert "ValueError: broken on purpose" in error.locator("h3").text_content()
    assert error.locator(".own-line").text_content().startswith("Raised at index.py:")
    assert 'raise ValueError(request["body"].decode()' in error.locator(".own-line pre").text_content()
    assert error.bounding_box()["y"] < page.locator(".timeline").bounding_box()["y"]
    assert marks(page, "response")[0] == ["502", "hidden"]


def test_image_and_bytes_and_form(open_page, server):
    page = visit(open_page, server.get("/image"))
    page.wait_for_function("() => document.querySelector('.station.response img').naturalWidth === 2")
    hex_view = page.locator(".station.result pre.hex")
    assert hex_view.text_content().startswith("0000  89 50 4e 47 0d 0a 1a 0a  ·PNG····")
    form = b"a=1&b=%E4%BD%A0"
    answer = server.request("POST", "/form", form, {"Content-Type": "application/x-www-form-urlencoded"})
    page = visit(open_page, answer)
    assert page.locator(".station.request .body td").all_text_contents() == ["1", "你"]


def test_json_keeps_its_numbers_and_can_be_seen_raw(open_page, server):
    source = '{"n":12345678901234567890,"f":1.0,"a":[],"o":{},"s":"\\u4f60\\n","t":[true,null,{"x":-1e5}]}'
    answer = server.request("POST", "/answer", answered(200, [("Content-Type", "application/json")], source))
    page = visit(open_page, answer)
    body = page.locator(".station.response .body")
    laid_out = body.locator("pre").text_content()
    assert '"n": 12345678901234567890,\n  "f": 1.0,\n  "a": [],\n  "o": {},\n  "s": "你\\n"' in laid_out
    assert json.loads(laid_out) == json.loads(source)
    body.get_by_role("button", name="Raw").click()
    assert body.locator("pre").text_content() == source


def test_secrets_show_when_asked_for_only(open_page, server):
    headers = {"Authorization": "Bearer client-secret-1", "Cookie": "session=cookie-secret-2; a=b"}
    body = answered(200, [("Set-Cookie", "session=set-secret-3; Path=/")], "echo client-secret-1")
    page = visit(open_page, server.request("POST", "/answer", body, headers))
    secrets = ("client-secret-1", "cookie-secret-2", "set-secret-3", "secret-of-the-account")
    assert [secret for secret in secrets if secret in page.content()] == []
    assert "Bearer •••" in page.content()
    page.get_by_role("button", name="Show secrets").click()
    page.wait_for_selector("button[aria-pressed=true]:has-text('Hide secrets')")
    assert [secret for secret in secrets if secret in page.content()] == list(secrets[:3])
    page.get_by_role("button", name="Hide secrets").click()
    page.wait_for_selector("button:has-text('Show secrets')")
    assert [secret for secret in secrets if secret in page.content()] == []


# ---- actions ---------------------------------------------------------------------------------------------------------


def test_send_again(open_page, server):
    answer = server.request("POST", "/again", b"x")
    page = visit(open_page, answer)
    page.get_by_role("button", name="Send again").click()
    page.wait_for_function("(id) => location.hash.length > 5 && location.hash !== id", arg=f"#{id_of(answer)}")
    page.wait_for_selector(".detail-facts .tag:has-text('sent again')")
    page.wait_for_selector(".station.response .status.s2")
    assert page.locator(".row[aria-selected=true] .tag", has_text="sent again").count() == 1
    page.locator(".detail-facts a").click()
    page.wait_for_function("(id) => location.hash === id", arg=f"#{id_of(answer)}")


def test_edit_and_send(open_page, server):
    headers = {"Content-Type": "text/plain", "Authorization": "Bearer client-secret-4"}
    page = visit(open_page, server.request("POST", "/edit?a=1", "你".encode(), headers))
    page.get_by_role("button", name="Edit and send").click()
    page.get_by_label("Path with query").wait_for()
    assert page.get_by_label("Method").last.input_value() == "POST"
    assert page.get_by_label("Path with query").input_value() == "/edit?a=1"
    field = page.get_by_label("Headers", exact=True)
    assert "Authorization: Bearer •••" in field.input_value()
    assert page.get_by_label("Body", exact=True).input_value() == "你"
    field.fill(field.input_value() + "\nbad header: x")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_selector(".problem:has-text('is not an HTTP header')")
    field.fill(field.input_value().replace("\nbad header: x", "\nX-New: 1"))
    page.get_by_label("Path with query").fill("/print?b=2")
    page.get_by_label("Body", exact=True).fill("好")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_selector("h2:has-text('/print?b=2')")
    page.wait_for_selector(".log-line:has-text('好')")
    assert page.locator(".station.request tr", has_text="X-New").count() == 1
    page.get_by_role("button", name="Show secrets").click()
    page.wait_for_selector(".station.request td:has-text('Bearer client-secret-4')")


def test_new_request(open_page, server):
    page = open_page()
    page.get_by_role("button", name="New request").click()
    page.get_by_label("Method").last.fill("PUT")
    page.get_by_label("Path with query").fill("/new")
    page.get_by_label("Body is").select_option("base64")
    page.get_by_label("Body", exact=True).fill("/wA=\n")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_selector("h2:has-text('/new')")
    page.wait_for_selector(".station.request pre.hex:has-text('ff 00')")
    page.wait_for_selector(".detail-facts .tag:has-text('sent from here')")
    page.get_by_role("button", name="New request").click()
    page.keyboard.press("Escape")
    assert not page.locator("#dialog").is_visible()


CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def copied(page, button):
    """What a button has put into the clipboard."""
    page.evaluate("navigator.clipboard.writeText('')")
    page.get_by_role("button", name=button).click()
    return wait_until(lambda: page.evaluate("navigator.clipboard.readText()"))


def test_copies_run(open_page, server, tmp_path):
    headers = {"Content-Type": "application/json", "Authorization": "Bearer client-secret-5"}
    answer = server.request("POST", "/copy?tag=1&tag=2", '{"it\'s": "你"}'.encode(), headers)
    page = visit(open_page, answer, **CLIPBOARD)
    assert "Bearer •••" in copied(page, "Copy as curl")
    page.wait_for_selector("#toast:has-text('Copied, with ••• for each secret')")
    page.get_by_role("button", name="Show secrets").click()
    page.wait_for_selector("button[aria-pressed=true]:has-text('Hide secrets')")
    command = copied(page, "Copy as curl").encode()
    output = subprocess.run(["sh"], input=command, capture_output=True, check=True, timeout=60)
    assert output.stdout.endswith(b"\r\n\r\nok")
    event = json.loads(copied(page, "Copy event"))
    assert event["queryParameters"] == {"tag": "1,2"}
    assert event["headers"]["Authorization"] == "Bearer client-secret-5"
    source = copied(page, "Copy as pytest")
    (tmp_path / "test_copied.py").write_text(source, encoding="utf-8")
    (tmp_path / "index.py").write_text(SOURCE)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_copied.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout


def test_copy_where_the_browser_lets_no_page_copy(open_page, server):
    page = visit(open_page, server.get("/copy"))
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new DOMException('no')); }")
    page.get_by_role("button", name="Copy as curl").click()
    area = page.locator("textarea.copy")
    area.wait_for()
    assert area.input_value().startswith("curl ")
    assert page.evaluate("document.getSelection().toString() || document.activeElement.selectionEnd") != 0
    assert page.evaluate("document.activeElement.classList.contains('copy')")
    page.get_by_role("button", name="Close").click()
    assert not area.is_visible()


def test_save_event(open_page, server, tmp_path):
    answer = server.get("/save?a=1")
    page = visit(open_page, answer)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save event").click()
    assert download.value.suggested_filename == f"event-{id_of(answer)}.json"
    download.value.save_as(tmp_path / "event.json")
    assert json.loads((tmp_path / "event.json").read_bytes())["queryParameters"] == {"a": "1"}


def test_actions_that_cannot_work_say_why(open_page, server):
    page = visit(open_page, server.request("TRACE", "/refused"))
    for name, reason in (("Copy event", "no event"), ("Save event", "no event"), ("Copy as pytest", "gateway refused")):
        button = page.get_by_role("button", name=name)
        assert button.is_disabled()
        assert reason in button.get_attribute("title")
    page = visit(open_page, server.request("POST", "/cut", b"x" * 300_000))
    assert page.get_by_role("button", name="Send again").is_enabled()
    assert "not kept as a whole" in page.get_by_role("button", name="Copy as curl").get_attribute("title")


# ---- instances -------------------------------------------------------------------------------------------------------


def test_end_an_instance(open_page, servers):
    server, inspector = servers("index:plain")
    server.get("/first")
    page = open_page(url=inspector.url)
    panel = page.locator("#instances")
    panel.locator(".state.is-frozen").wait_for()
    assert "1 request" in panel.text_content()
    assert "of 512 MB" in panel.text_content()
    panel.get_by_role("button", name="End c-").click()
    page.wait_for_selector("#instances:has-text('None: the next request is a cold start.')")
    answer = server.get("/second")
    page.wait_for_selector(f"#row-{id_of(answer)}:has-text('cold start')")
    panel.locator("summary", has_text="1 ended").click()
    assert "ended by hand" in panel.locator(".is-over").text_content()


def test_why_an_instance_ended_is_told_in_the_page_s_language(open_page, servers):
    server, inspector = servers("index:handler", "--timeout", "1")
    server.get("/wait")
    page = open_page(url=inspector.url, locale="zh-CN")
    panel = page.locator("#instances")
    panel.locator("summary", has_text="1 个已结束").click()
    assert panel.locator(".is-over .instance-facts span").last.text_content() == "函数运行超过 1 秒，执行超时"


# ---- languages, widths, keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "lang", "title", "button"),
    [
        ("zh-CN", "zh-CN", "HTTP 请求", "重新发送"),
        ("zh-TW", "zh-CN", "HTTP 请求", "重新发送"),
        ("en-US", "en", "HTTP request", "Send again"),
        ("de-DE", "en", "HTTP request", "Send again"),
    ],
)
def test_languages(open_page, server, locale, lang, title, button):
    page = visit(open_page, server.get("/language?tag=1&tag=2"), locale=locale)
    assert page.locator("html").get_attribute("lang") == lang
    assert page.locator(".station-head h3").first.text_content() == title
    assert page.get_by_role("button", name=button).count() == 1
    if lang == "zh-CN":
        assert page.get_by_placeholder("搜索：路径、请求头、请求体、日志").count() == 1
        assert "以逗号合并" in page.locator(".station.event").text_content()
        body = page.locator("body").text_content()
        assert "Timeline" not in body
        assert "undefined" not in body


@pytest.mark.parametrize("width", [320, 400, 768, 1000, 1280, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_page(open_page, server, width, scheme):
    answer = server.get("/width/" + "x" * 500 + "?" + "y" * 300, **{"X-Long": "z" * 900})
    page = visit(open_page, answer, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(
        "document.querySelector('#detail').scrollWidth <= document.querySelector('#detail').clientWidth"
    )
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(13, 17, 22)") == (scheme == "dark")


def test_narrow_page_shows_one_thing_at_a_time(open_page, server):
    answer = server.get("/narrow")
    page = open_page(viewport={"width": 400, "height": 800})
    page.locator(f"#row-{id_of(answer)}").click()
    page.wait_for_selector(".station.response .status")
    assert not page.locator("#list").is_visible()
    lefts = page.eval_on_selector_all(
        ".station", "stations => stations.map((each) => each.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == 1  # one below the other
    page.get_by_role("button", name="Back to the list").click()
    assert page.locator("#list").is_visible()
    assert not page.locator("#detail").is_visible()
    page.locator(f"#row-{id_of(answer)}").click()
    page.go_back()
    page.wait_for_selector("#list")
    assert page.locator("#list").is_visible()
    assert not page.locator("#instances").is_visible()
    page.locator("#instances-button").click()
    assert page.locator("#instances").is_visible()
    page.locator(f"#row-{id_of(answer)}").click()
    page.wait_for_selector(".station.response .status")
    page.locator("#instances-button").click()
    assert page.locator("#instances").is_visible()
    page.locator("#instances-button").click()
    assert not page.locator("#instances").is_visible()


def test_keys(open_page, server):
    answers = [server.get(f"/keys/{number}") for number in range(3)]
    page = open_page()
    page.wait_for_selector(f"#row-{id_of(answers[2])} .s2")
    page.keyboard.press("/")
    page.keyboard.type("keys")
    assert page.locator("#filter-text").input_value() == "keys"
    page.keyboard.press("Enter")

    def wait_for_choice(target):  # the page draws once per frame
        page.wait_for_selector(f".row[aria-selected=true] .row-target:text-is('{target}')")

    assert page.evaluate("document.activeElement.id") in ("list", "detail")
    page.locator("#list").focus()
    wait_for_choice("/keys/2")
    page.keyboard.press("ArrowDown")
    wait_for_choice("/keys/1")
    page.wait_for_selector("h2:has-text('/keys/1')")
    page.keyboard.press("End")
    wait_for_choice("/keys/0")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    wait_for_choice("/keys/2")
    assert page.locator("#list").get_attribute("aria-activedescendant") == f"row-{id_of(answers[2])}"
    page.wait_for_selector("h2:has-text('/keys/2')")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "detail"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "list"
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    assert page.locator("#filter-text").input_value() == ""
    page.wait_for_function("() => document.querySelectorAll('.row').length > 3")


def test_focus_is_visible(open_page, server):
    page = visit(open_page, server.get("/focus"))
    page.keyboard.press("Tab")
    seen = set()
    for _ in range(12):
        seen.add(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        page.keyboard.press("Tab")
    assert seen == {"solid"}


def test_controls_have_names(open_page, server):
    page = visit(open_page, server.get("/names", Cookie="a=b"))
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, [role], [tabindex='0']")]
            .filter((each) => each.checkVisibility())
            .filter((each) => !(each.ariaLabel || each.getAttribute("aria-labelledby") || each.labels?.length
                || each.textContent.trim()))
            .map((each) => each.outerHTML.slice(0, 100))"""
    )
    assert nameless == ['<p class="announce" id="announce" role="status" aria-live="polite"></p>']
    listed = page.locator("#list").aria_snapshot()
    assert listed.startswith('- listbox "Invocations":\n  - option "GET /names')
    assert page.get_by_role("region", name="Event").count() == 1


def test_address_keeps_what_is_chosen(open_page, server):
    answer = server.get("/reload")
    page = visit(open_page, answer)
    page.reload()
    page.wait_for_selector("h2:has-text('/reload')")
    assert page.locator(f"#row-{id_of(answer)}[aria-selected=true]").count() == 1


def test_token_leaves_the_address(open_page, server, inspector):
    answer = server.get("/token")
    page = visit(open_page, answer)
    assert page.url == f"http://{inspector.host}/#{id_of(answer)}"
    [cookie] = page.context.cookies()
    assert (cookie["value"], cookie["httpOnly"], cookie["sameSite"]) == (inspector.token, True, "Strict")
    assert cookie["expires"] == -1  # with the browser's session
    assert page.evaluate("document.cookie") == ""
    assert inspector.token not in page.content()


@pytest.mark.parametrize(
    ("locale", "title", "state"),
    [("en-GB", "This page needs its token", "No access"), ("zh-CN", "需要访问令牌", "无访问权限")],
)
@pytest.mark.parametrize("width", [400, 1600])
def test_page_without_the_token_says_what_to_do(open_page, server, inspector, locale, title, state, width):
    answer = server.get("/secret-path")
    options = {"locale": locale, "viewport": {"width": width, "height": 800}}
    page = open_page(f"#{id_of(answer)}", url=f"http://{inspector.host}/", **options)
    page.wait_for_selector(f".locked h2:text-is('{title}')")
    assert "?token=…" in page.locator(".locked p").text_content()
    page.wait_for_selector(f"#connection.is-lost:text-is('{state}')")
    assert "secret-path" not in page.content()
    assert page.locator(".row").count() == 0
    assert page.locator("#compose-button:visible, #instances-button:visible").count() == 0
    page.goto(inspector.url)
    page.wait_for_selector(f"#row-{id_of(answer)}")
    assert page.locator(".locked").count() == 0


def test_page_that_was_refused_goes_on_once_it_has_the_token(open_page, server, inspector):
    answer = server.get("/patient")
    page = visit(open_page, answer)
    page.context.clear_cookies()
    page.reload()
    page.wait_for_selector(".locked h2")
    other = page.context.new_page()
    other.goto(inspector.url)
    other.wait_for_selector(f"#row-{id_of(answer)}")
    other.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("h2:has-text('/patient')")
    assert page.locator(".locked").count() == 0


@pytest.mark.parametrize("name", ["1-none", "%", "<b>", "../static/main.js"])
def test_address_of_what_is_not_kept(open_page, name):
    page = open_page(f"#{name}", viewport={"width": 400, "height": 800})
    page.wait_for_selector("h2:has-text('not kept any more')")
    page.locator(".nothing button").click()
    assert page.locator("#detail").is_visible() is False


def test_runner_that_ends(open_page, tmp_path):
    (tmp_path / "index.py").write_text("def handler(event, context): return 1")
    with Server("index:handler", cwd=tmp_path) as server:
        url = server.wait_for(r"shows each request on (http://\S+)")[1]
        page = open_page(url=url)
        page.wait_for_selector("#connection:has-text('Live')")
    page.wait_for_selector("#connection.is-lost:has-text('Not connected')")
    page.context.close()


# ---- much ------------------------------------------------------------------------------------------------------------


def test_response_of_30_mb(open_page, server):
    page = visit(open_page, server.get("/large"))
    note = page.locator(".station.response .note").text_content()
    assert note == "The first 256 KB of 28.6 MB are shown."
    assert len(page.locator(".station.response pre").text_content()) == 20_000
    page.locator(".station.response").get_by_role("button", name="Show all (256 KB)").click()
    assert len(page.locator(".station.response pre").text_content()) == 256 * 1024


def test_two_thousand_invocations_in_a_row(open_page, servers):
    server, inspector = servers("index:plain")
    page = open_page(url=inspector.url)
    page.evaluate(
        """() => {
            window.longest = 0;
            let last = performance.now();
            const tick = (now) => {
                window.longest = Math.max(window.longest, now - last);
                last = now;
                requestAnimationFrame(tick);
            };
            requestAnimationFrame(tick);
        }"""
    )
    with server.connect() as connection:
        answers = connection.makefile("rb")
        for number in range(2000):
            connection.sendall(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
            while answers.readline() != b"\r\n":
                pass
            answers.read(len(f'"/{number}"') - 2)
        answers.close()
    page.wait_for_selector(".row .row-target:text('/1999')")
    page.wait_for_function("() => document.querySelectorAll('.row').length === 200")
    targets = page.eval_on_selector_all(".row-target", "each => each.map((target) => target.textContent)")
    assert targets == [f"/{number}" for number in range(1999, 1799, -1)]
    assert page.evaluate("window.longest") < 1000  # milliseconds without a frame: it did not freeze
    page.locator(".row").first.click()
    page.wait_for_selector("h2:has-text('/1999')")


# ---- what is shown is never run --------------------------------------------------------------------------------------

SCRIPT = "<script>document.title='run'</script><img src=x onerror=document.title='run'>"
MULTIPART = (
    f'--x\r\nContent-Disposition: form-data; name="{SCRIPT}"; filename="{SCRIPT}"\r\n\r\n{SCRIPT}\r\n--x--\r\n'
).encode()


def test_scripts_stay_text(open_page, server):
    path = "/<script>document.title='run'</script><svg/onload=document.title='run'>"
    answers = [
        server.send(
            f"GET {path}?{path}={path} HTTP/1.1\r\nHost: h\r\nX-A: {SCRIPT}\r\nConnection: close\r\n\r\n".encode()
        ),
        server.request("POST", "/print", SCRIPT.encode()),
        server.request("POST", "/raise", SCRIPT.encode(), {"Content-Type": "text/html"}),
        server.request("POST", "/form", MULTIPART, {"Content-Type": f"multipart/form-data; boundary=x; a={SCRIPT}"}),
        server.request("POST", "/answer", answered(200, [("Content-Type", "text/html"), ("X-A", SCRIPT)], SCRIPT)),
        server.request("POST", "/answer", answered(200, [("Content-Type", "image/svg+xml")], SCRIPT)),
        server.request("POST", "/answer", answered(200, [("Content-Type", "application/json")], json.dumps([SCRIPT]))),
    ]
    page = open_page()
    page.evaluate(
        """() => {
            window.violations = [];
            document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
        }"""
    )
    page.wait_for_selector(f"#row-{id_of(answers[-1])} .s2")
    rows = page.locator(".row")
    for number in range(len(answers)):
        rows.nth(number).click()
        page.wait_for_function(
            "(target) => document.querySelector('.detail-title .target')?.textContent === target",
            arg=rows.nth(number).locator(".row-target").text_content(),
        )
        page.wait_for_selector(".station.response .start-line .status")
        assert "document.title=" in page.locator("#detail").text_content()
        assert page.evaluate("document.querySelectorAll('main script, main img, main svg').length") == 0
        page.get_by_role("button", name="Edit and send").click()
        page.wait_for_selector("#compose-headers")
        page.keyboard.press("Escape")
    assert page.title() != "run"
    assert page.evaluate("violations") == []


def test_script_that_got_in_would_not_run(chromium, inspector):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"http://{inspector.host}/")
    refused = page.evaluate(
        """() => {
            const refused = [];
            for (const action of [
                () => { document.body.innerHTML = "<b>x</b>"; },
                () => { document.body.append(Object.assign(document.createElement("script"), { text: "1" })); },
                () => { document.body.setAttribute("onclick", "document.title = 'run'"); document.body.click(); },
                () => { document.createElement("iframe").srcdoc = "<b>x</b>"; },
            ]) {
                try { action(); } catch (error) { refused.push(error.name); }
            }
            return refused;
        }"""
    )
    title = page.title()
    context.close()
    assert refused[0] == "TypeError"
    assert len(refused) >= 3
    assert title != "run"


def test_page_of_another_origin_gets_nothing_and_sends_nothing(chromium, servers):
    # The function's own pages are such an origin: another port of the same machine.
    server, inspector = servers("index:plain", "--custom-domain")
    answer = server.get("/theirs", Authorization="Bearer client-secret-6")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{server.port}/page")
    results = page.evaluate(
        """async ([host, id]) => {
            const url = `http://${host}/api/invocations/${id}`;
            const headers = { "Content-Type": "application/json", "X-Fc-Adapter-Inspector": "1" };
            const post = { method: "POST", body: "{}" };
            const attempts = {
                read: async () => (await fetch(url)).status,
                blindRead: async () => (await fetch(url, { mode: "no-cors" })).type,
                send: async () => (await fetch(`${url}/again`, { ...post, headers })).status,
                blindSend: async () => (await fetch(`${url}/again`, { ...post, mode: "no-cors" })).type,
                listen: () => new Promise((resolve, reject) => {
                    const source = new EventSource(`http://${host}/api/live`);
                    source.onmessage = () => resolve("heard");
                    source.onerror = () => { source.close(); reject(); };
                }),
                script: () => new Promise((resolve, reject) => {
                    const script = document.createElement("script");
                    Object.assign(script, { src: `http://${host}/static/main.js`, onload: resolve, onerror: reject });
                    document.head.append(script);
                }),
                frame: async () => {
                    const frame = document.createElement("iframe");
                    frame.src = `http://${host}/`;
                    document.body.append(frame);
                    await new Promise((resolve) => { frame.onload = resolve; });
                    return frame.contentDocument ? "own" : Promise.reject();
                },
            };
            const reached = {};
            for (const [name, attempt] of Object.entries(attempts)) {
                try { reached[name] = await attempt(); } catch { reached[name] = "refused"; }
            }
            return reached;
        }""",
        [inspector.host, id_of(answer)],
    )
    context.close()
    assert set(results.values()) == {"refused"}
    with inspector.listen() as messages:
        invocations = next(messages)["invocations"]
    assert [each["target"] for each in invocations if each["target"] != "/favicon.ico"] == ["/theirs", "/page"]
