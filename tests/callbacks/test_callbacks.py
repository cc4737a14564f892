"""What calls a shop in China: WeChat, Alipay, browsers and old pages, through Flask, FastAPI and Django.

Each is sent twice: by the testing client, and over a socket by the local runner.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from collections import namedtuple
from importlib import import_module
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

import django
import pytest

import fc_adapter
from fc_adapter.runner import serve
from fc_adapter.testing import Client

from .peers import FILE, FILE_NAME, FORM, GBK_PAGE, Alipay, WeChat

Answer = namedtuple("Answer", "status headers body")


@pytest.fixture(scope="module", params=["flask_shop", "fastapi_shop", "django_shop"])
def shop(request):
    """The name of a shop's module and its handler."""
    name = request.param
    handler = fc_adapter.wrap(import_module(f"tests.callbacks.{name}").app)
    yield name, handler
    handler.pre_stop(None)


@pytest.fixture(scope="module", params=["client", "runner", "default domain"])
def send(request, shop):
    """A function that sends a request (method, target, body, headers) to a shop and gives the Answer."""
    _, handler = shop
    if request.param == "client":
        client = Client(handler, custom_domain=True)

        def send(method, target, body=b"", headers=()):
            response = client.open(target, method=method, data=body, headers=dict(headers))
            return Answer(response.status_code, response.headers, response.data)

        yield send
        return
    with serve(handler, custom_domain=request.param == "runner") as server:

        def send(method, target, body=b"", headers=()):
            connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
            try:
                connection.request(method, target, body, dict(headers))
                response = connection.getresponse()
                return Answer(response.status, response.headers, response.read())
            finally:
                connection.close()

        send.is_default_domain = request.param != "runner"
        yield send


def test_wechat_verifies_the_address(send):
    answer = send("GET", "/wechat?" + WeChat.query(echostr="5927782489442352469"))
    assert (answer.status, answer.body) == (200, b"5927782489442352469")
    assert send("GET", "/wechat?echostr=1&signature=0&timestamp=1&nonce=2").status == 403


def test_wechat_message_and_reply(send):
    answer = send(
        "POST", "/wechat?" + WeChat.query(openid="oOpenid"), WeChat.MESSAGE.encode(), {"Content-Type": "text/xml"}
    )
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/xml")
    reply = {child.tag: child.text for child in ElementTree.fromstring(answer.body)}
    assert reply["Content"] == WeChat.REPLY
    assert (reply["ToUserName"], reply["FromUserName"]) == ("oOpenid", "gh_shop")


@pytest.mark.parametrize("charset", ["gbk", "utf-8"])
@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset={{}}"])
def test_alipay_notification(send, charset, content_type):
    headers = {"Content-Type": content_type.format(charset)}
    answer = send("POST", "/alipay", Alipay.body(charset).encode("ascii"), headers)
    assert (answer.status, answer.body) == (200, b"success")
    assert bytes.fromhex(answer.headers["X-Subject"]).decode() == Alipay.fields(charset)["subject"]
    forged = Alipay.body(charset).replace("128.50", "1.00").encode("ascii")
    assert send("POST", "/alipay", forged, headers).status == 400


def test_alipay_return_in_utf_8(send):
    answer = send("GET", "/alipay?" + Alipay.body("utf-8"))
    assert (answer.status, answer.body.decode()) == (200, Alipay.fields("utf-8")["subject"])


def test_alipay_return_in_gbk_is_damaged(send):
    answer = send("GET", "/alipay?" + Alipay.body("gbk"))
    assert answer.status == 400
    assert "锟斤拷" in answer.body.decode()  # U+FFFD as UTF-8, taken for GBK


def multipart(file_name, note, body):
    """A form with a file, as browsers write it: names in the page's charset, quotes escaped, no charset named."""
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="note"\r\n\r\n{note}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    return parts.encode() + body + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize("body", [FILE, GBK_PAGE, bytes(range(256)) * 300], ids=["text", "gbk", "binary"])
def test_upload_of_a_file_with_a_chinese_name(send, body):
    form, content_type = multipart(FILE_NAME, "加急，谢谢", body)
    answer = send("POST", "/upload", form, {"Content-Type": content_type})
    assert answer.status == 200, answer.body
    assert json.loads(answer.body) == {
        "name": FILE_NAME,
        "note": "加急，谢谢",
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def test_download_of_a_file_with_a_chinese_name(send):
    answer = send("GET", "/download")
    assert (answer.status, answer.body) == (200, FILE)
    disposition = answer.headers["Content-Disposition"]
    if getattr(send, "is_default_domain", False):
        assert disposition == "attachment"  # The platform's own takes the place of the name.
    else:
        assert f"filename*=utf-8''{quote(FILE_NAME, safe='')}".lower() in disposition.lower()


def test_page_in_gbk(send):
    answer = send("GET", "/old")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "text/html; charset=gbk", GBK_PAGE)


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=gbk"])
def test_form_in_gbk_is_not_for_the_frameworks_own_parsers(shop, send, content_type):
    """Why the shops read the body: its bytes arrive, and frameworks take every form for UTF-8, or refuse this one."""
    name, _ = shop
    answer = send("POST", "/form", urlencode({"name": "你好"}, encoding="gbk").encode(), {"Content-Type": content_type})
    if name == "django_shop" and "charset" in content_type:
        # Django 4 took the sender's word for it.
        assert (answer.status, answer.body.decode()) == (200, "你好") if django.VERSION < (5,) else answer.status == 400
    else:
        seen = "%C4%E3%BA%C3" if name == "flask_shop" else "\ufffd" * 3
        assert (answer.status, answer.body.decode()) == (200, seen)
