"""A real browser, the local runner and a shop: files and pages with Chinese in their names and text."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

import fc_adapter
from fc_adapter.runner import serve
from tests.callbacks.flask_shop import app
from tests.callbacks.peers import FILE, FILE_NAME, GBK_TEXT
from tests.support.server import PATIENCE

pytestmark = pytest.mark.browser


@pytest.fixture
def open_shop(chromium):
    """Open a page of the shop, on a custom domain: ``open_shop(path)``."""
    with serve(fc_adapter.wrap(app), custom_domain=True) as server:
        page = chromium.new_page(locale="zh-CN")
        page.set_default_timeout(PATIENCE * 1000)

        def open_shop(path):
            page.goto(server.url + path)
            return page

        yield open_shop
        page.close()


def test_upload_and_download_keep_the_name(open_shop):
    page = open_shop("/")
    with page.expect_download() as download:
        page.get_by_text("下载").click()
    assert download.value.suggested_filename == FILE_NAME
    assert Path(download.value.path()).read_bytes() == FILE
    page.set_input_files("input[type=file]", [{"name": FILE_NAME, "mimeType": "text/csv", "buffer": FILE}])
    page.get_by_text("上传").click()
    page.wait_for_url("**/upload")
    shown = json.loads(page.inner_text("body"))
    assert shown == {"name": FILE_NAME, "note": "谢谢", "sha256": sha256(FILE).hexdigest()}


def test_page_in_gbk_and_its_forms(open_shop):
    page = open_shop("/old")
    assert (page.title(), page.inner_text("p")) == ("茶", GBK_TEXT)
    page.click("#post button")
    page.wait_for_url("**/answer")
    assert page.inner_text("body") == "你好，乗"


def test_query_of_a_form_in_gbk_is_damaged(open_shop):
    page = open_shop("/old")
    page.click("#get button")
    page.wait_for_url("**/answer?*")
    assert "%C4%E3%BA%C3" in page.url
    assert "锟斤拷" in page.inner_text("body")


def test_default_domain_makes_pages_downloads(chromium):
    with serve(fc_adapter.wrap(app)) as server:
        page = chromium.new_page()
        with page.expect_download() as download, pytest.raises(Exception, match="Download is starting"):
            page.goto(server.url)
        assert b"<form" in Path(download.value.path()).read_bytes()
        page.close()
