"""Finding invocations on the inspector's page, comparing them, taking them along; requests with files."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from tests.browser.test_inspector_page import answered, id_of, marks, visit

pytestmark = pytest.mark.browser


def rows(page):
    return page.eval_on_selector_all(".row", "rows => rows.map((row) => row.dataset.id)")


def test_search_finds_decoded_text_in_targets_bodies_and_logs(open_page, server):
    target = server.get("/find/%e5%95%86%e5%93%81")
    body = server.request("POST", "/answer?find", answered(200, [("Content-Type", "application/json")], '"\\u9f99"'))
    logged = server.request("POST", "/print?find", "正在搜寻".encode())
    page = open_page()
    page.wait_for_selector(f"#row-{id_of(logged)} .s2")
    for words, answer, place in (
        ("商品 FIND", target, None),
        ("龙 find", body, "in the response"),
        ("搜寻 find", logged, "in the log"),
    ):
        page.fill("#filter-text", words)
        page.wait_for_function(
            "(id) => [...document.querySelectorAll('.row')].map((row) => row.dataset.id).join() === id",
            arg=id_of(answer),
        )
        if place:
            assert place in page.locator(".row .found").all_text_contents()
    page.fill("#filter-text", "")
    assert page.locator(".row .found").count() == 0


def test_slowest_first(open_page, servers):
    server, inspector = servers("index:handler")
    server.get("/warm")
    slow, quick = server.get("/background"), server.get("/quick")
    page = open_page(url=inspector.url)
    page.wait_for_selector(f"#row-{id_of(quick)} .s2")
    assert rows(page)[0] == id_of(quick)
    page.select_option("#order", "slowest")
    assert rows(page).index(id_of(slow)) < rows(page).index(id_of(quick))


def test_query_that_is_not_utf8_is_shown_as_it_was_sent(open_page, server):
    page = visit(open_page, server.get("/?name=%C4%E3%BA%C3"))
    assert page.locator(".station.request .start-line").text_content() == "GET /?name=%C4%E3%BA%C3"
    assert page.locator(".station.request .pair-raw").text_content() == "name=%C4%E3%BA%C3"
    assert [badge for _, badge in marks(page, "event")].count("damaged") == 1
    assert "As GBK it says: name=你好" in page.locator(".station.event").text_content()


@pytest.mark.parametrize(
    ("locale", "reason"),
    [("en-GB", "a line of the request's headers is malformed"), ("zh-CN", "网关拒绝了请求：请求头中有一行格式错误")],
)
def test_refused_request_shows_what_came_and_why(open_page, server, locale, reason):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /refused?a=b HTTP/1.1\r\nHost: x\r\nX-Shop: books\r\nX Y: z\r\n\r\n")
        request_id = re.search(rb"X-Fc-Request-Id: (\S+)", connection.recv(4096))[1].decode()
    page = open_page(f"#{request_id}", locale=locale)
    page.wait_for_selector(".station.request .start-line")
    assert page.locator(".station.request .start-line").text_content() == "POST /refused?a=b"
    assert "books" in page.locator(".station.request .pairs").last.text_content()
    assert reason in page.locator("#error-title").text_content()


def test_body_that_is_called_json_and_is_none(open_page, server):
    sent = answered(200, [("Content-Type", "application/json")], "Internal  Server Error")
    page = visit(open_page, server.request("POST", "/answer", sent))
    body = page.locator(".station.response .body")
    assert body.locator("pre").text_content() == "Internal  Server Error"
    assert "is not JSON" in body.locator(".note").text_content()


def test_parts_of_a_form_with_a_file(open_page, server):
    body = (
        b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n'
        b'Content-Type: application/json\r\n\r\n{"a": "\\u9f99"}\r\n--B--\r\n'
    )
    answer = server.request("POST", "/form", body, {"Content-Type": "multipart/form-data; boundary=B"})
    page = visit(open_page, answer)
    parts = page.locator(".station.request .parts .body")
    assert parts.locator("h4").all_text_contents() == ["note", "file · a.json"]
    assert parts.locator("pre").all_text_contents() == ["hello", '{\n  "a": "龙"\n}']


def test_compare_a_request_with_its_repetition(open_page, server):
    page = visit(open_page, server.request("POST", "/answer", answered(200, (), "one")))
    page.keyboard.press("r")
    page.wait_for_selector(".detail-facts a")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_selector(".dialog .diff")
    sections = page.locator(".dialog .diff h3").all_text_contents()
    assert sections[:2] == ["HTTP request No difference", "HTTP response No difference"]
    page.get_by_role("button", name="Choose the invocation").click()
    other = server.request("POST", "/answer", answered(201, (), "two"))
    page.keyboard.press("Escape")
    page.wait_for_selector(f"#row-{id_of(other)} .s2")
    page.keyboard.press("d")
    page.get_by_role("button", name="Choose the invocation").click()
    page.locator(".pick").first.click()
    page.wait_for_selector(".dialog .diff .is-new")
    assert "− 200 OK\n" in page.locator(".diff").nth(1).locator(".is-gone").all_text_contents()
    assert "+ two\n" in page.locator(".diff").nth(1).locator(".is-new").all_text_contents()


def test_files_in_a_new_request(open_page, server):
    page = open_page()
    page.wait_for_selector("#facts:not(:empty)")
    page.keyboard.press("n")
    page.fill("#compose-method", "POST")
    page.fill("#compose-target", "/upload")
    page.select_option("#compose-kind", "form")
    page.fill("#compose-fields", "title=你好\nempty=")
    page.set_input_files("#compose-files", {"name": "图.txt", "mimeType": "text/plain", "buffer": b"in the file"})
    page.get_by_role("button", name="Send", exact=True).click()
    parts = page.locator(".station.request .parts .body")
    parts.first.wait_for()
    assert parts.locator("h4").all_text_contents() == ["title", "empty", "file · 图.txt"]
    assert parts.locator("pre").all_text_contents() == ["你好", "in the file"]
    page.keyboard.press("n")
    page.fill("#compose-method", "PUT")
    page.select_option("#compose-kind", "file")
    page.set_input_files(
        "#compose-file", {"name": "a.bin", "mimeType": "application/x-thing", "buffer": b"\0\1" * 70_000}
    )
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_selector(".station.request .start-line:has-text('PUT')")
    assert "application/x-thing" in page.locator(".station.request .pairs").text_content()
    assert "136.7 KB" in page.locator(".station.request .body-facts").first.text_content()


def test_large_request_is_edited_and_sent_whole(open_page, server):
    page = visit(open_page, server.request("POST", "/large-one", b"x" * 300_000))
    page.keyboard.press("e")
    assert page.input_value("#compose-kind") == "kept"
    page.fill("#compose-target", "/large-two")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_selector(".station.request .start-line:has-text('/large-two')")
    assert "293 KB" in page.locator(".station.request .body-facts").first.text_content()


def test_pin_and_keys(open_page, server):
    answer = server.get("/pinned")
    page = visit(open_page, answer)
    page.keyboard.press("p")
    page.wait_for_selector(f"#row-{id_of(answer)} .tag:text('pinned')")
    page.keyboard.press("p")
    page.wait_for_selector(f"#row-{id_of(answer)}:not(:has(.tag:text('pinned')))")
    details = f"**/api/invocations/{id_of(answer)}"
    page.route(details, lambda route: None)  # the keys mean what the list shows, also while no new details arrive
    page.keyboard.press("p")
    page.wait_for_selector(f"#row-{id_of(answer)} .tag:text('pinned')")
    page.keyboard.press("p")
    page.wait_for_selector(f"#row-{id_of(answer)}:not(:has(.tag:text('pinned')))")
    page.unroute(details)
    page.keyboard.press("?")
    assert page.locator(".dialog .keys li").count() == 10
    page.keyboard.press("Escape")
    later = server.get("/later")
    page.wait_for_selector(f"#row-{id_of(later)} .s2")
    page.keyboard.press("k")
    page.wait_for_function("(id) => location.hash === `#${id}`", arg=id_of(later))
    page.keyboard.press("j")
    page.wait_for_function("(id) => location.hash === `#${id}`", arg=id_of(answer))


def test_address_of_an_invocation_with_the_token_can_be_shared(open_page, server, inspector):
    answer = server.get("/shared")
    page = open_page(f"#{id_of(answer)}")
    page.wait_for_selector(".detail-head h2:has-text('/shared')")
    assert page.url == f"http://{inspector.host}/#{id_of(answer)}"
    page.reload()
    page.wait_for_selector(".detail-head h2:has-text('/shared')")


def test_export(open_page, server):
    answer = server.get("/export")
    page = visit(open_page, answer)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save HAR").click()
    entries = json.loads(Path(download.value.path()).read_text("utf-8"))["log"]["entries"]
    assert [each["_requestId"] for each in entries] == [id_of(answer)]
    with page.expect_download() as download:
        page.get_by_role("link", name="Export HAR").click()
    assert len(json.loads(Path(download.value.path()).read_text("utf-8"))["log"]["entries"]) > 1


def test_chinese_page_has_no_english_sentence(open_page, server):
    server.request("TRACE", "/")
    page = visit(open_page, server.get("/raise"), locale="zh-CN")
    parts = "button, h2, h3, h4, p, summary, label, figcaption, option, .tag, .mark, .mark-note"
    texts = page.evaluate(
        """(parts) => [...document.querySelectorAll(parts)]
            .filter((each) => !each.querySelector("pre, code"))
            .map((each) => each.textContent)""",
        parts,
    )
    sentences = [text for text in texts if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", text)]
    assert [text for text in sentences if "broken on purpose" not in text] == []
