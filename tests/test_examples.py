"""The examples, each in a process of its own that plays the runtime: an event in, a result out, warnings are errors."""

import hashlib
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import zlib
from contextlib import closing, contextmanager
from http.cookies import SimpleCookie
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, urlencode
from zipfile import ZipFile

import jsonschema
import pytest
import yaml

from fc_adapter.config.runtimes import RUNTIMES
from fc_adapter.contract.query import build_query_string
from fc_adapter.contract.request import build_event
from fc_adapter.contract.response import parse_result
from fc_adapter.messages import Request, get_header
from tests.conftest import SCHEMA, with_domain

EXAMPLES = Path(__file__).parent.parent / "examples"
HOST = "flask-abcdefghij.cn-hangzhou.fcapp.run"
FORM = "application/x-www-form-urlencoded"

# Sites with a session: the example, the module that its handler is in, and the fixture with an instance for all tests.
SITES = [
    ("flask_app", "index", "flask_instance"),
    ("django_app", "index", "django_wsgi_instance"),
    ("django_app", "index_asgi", "django_asgi_instance"),
]

# What each example's s.yaml has the platform call besides the handler.
HOOKS = {
    "flask_app": {},
    "fastapi_app": {"initializer": "index.initialize", "preStop": "index.pre_stop"},
    "django_app": {},
}

# The runtime's part: import the entry once, then call what each line names, with an event or, for a hook, without.
RUNTIME = """
import json, sys
from importlib import import_module
entry = import_module(sys.argv[1])
for line in sys.stdin:
    name, event = json.loads(line)
    arguments = [] if event is None else [json.dumps(event).encode()]
    print(json.dumps(getattr(entry, name)(*arguments, None)), flush=True)
"""


def command(*arguments):
    """A Python command that treats warnings as errors and leaves no bytecode in the examples."""
    return [sys.executable, "-W", "error", "-B", *arguments]


def environment(**variables):
    """The tests' environment without what the examples read, and with ``variables``."""
    read = {"SECRET_KEY", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE", "DATABASE"}
    return {**{name: value for name, value in os.environ.items() if name not in read}, **variables}


@contextmanager
def start_instance(example, entry="index", **variables):
    """An instance of the function: called with an event, it gives the result; ``name`` calls a hook instead.

    What it logs fails the test.
    """
    with subprocess.Popen(
        command("-c", RUNTIME, entry),
        cwd=EXAMPLES / example,
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:

        def invoke(event=None, name="handler"):
            process.stdin.write(json.dumps([name, event]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, process.stderr.read()
            return json.loads(line)

        yield invoke
        assert process.communicate() == ("", "")
    assert process.returncode == 0


@pytest.fixture(scope="module")
def flask_instance():
    """One instance of the Flask example for all tests."""
    with start_instance("flask_app") as invoke:
        yield invoke


@pytest.fixture(scope="module")
def fastapi_instance():
    """One instance of the FastAPI example for all tests, without its hooks."""
    with start_instance("fastapi_app") as invoke:
        yield invoke


@pytest.fixture(scope="module")
def django_wsgi_instance():
    """One instance of the Django example for all tests, through WSGI."""
    with start_instance("django_app") as invoke:
        yield invoke


@pytest.fixture(scope="module")
def django_asgi_instance():
    """One instance of the Django example for all tests, through ASGI."""
    with start_instance("django_app", "index_asgi") as invoke:
        yield invoke


@pytest.fixture(params=["wsgi", "asgi"])
def django_instance(request):
    """Each of the two."""
    return request.getfixturevalue(f"django_{request.param}_instance")


class Browser:
    """A client of an instance that keeps cookies, as a browser does."""

    def __init__(self, invoke):
        self.invoke = invoke
        self.cookies = {}

    def get(self, path, **options):
        """The response to a GET request."""
        return self.request("GET", path, **options)

    def post(self, path, body, content_type, **options):
        """The response to a POST request with ``body`` (bytes)."""
        return self.request("POST", path, body=body, content_type=content_type, **options)

    def post_form(self, path, fields, **options):
        """The response to a form without files."""
        return self.post(path, urlencode(fields).encode(), FORM, **options)

    def request(self, method, path, *, query=(), host=HOST, origin=None, content_type=None, body=b""):
        """The response, after its cookies are kept. ``path`` is text, to be percent-encoded."""
        headers = {
            "Host": host,
            "Origin": origin,
            "Content-Type": content_type,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        sent = tuple((name, value) for name, value in headers.items() if value)
        server = (host, 443)
        request = Request(
            method, quote(path), build_query_string(query), sent, body, "https", "1.1", "11.11.11.11", server
        )
        response = parse_result(self.invoke(build_event(request, request_id="1-example")), custom_domain=True)
        for name, value in response.headers:
            if name.lower() == "set-cookie":
                ((key, morsel),) = SimpleCookie(value).items()  # one in each header: joined ones would be lost
                self.cookies[key] = morsel.coded_value
        return response


def multipart(*files):
    """A body with ``(name, content)`` files in the field ``files``, as browsers write it, and its media type."""
    parts = [
        f'--b0undary\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + b"--b0undary--\r\n", "multipart/form-data; boundary=b0undary"


def header(response, name):
    """The value of a header of the response, or None."""
    return get_header(response.headers, name)


def text(response):
    """The page in the response, which says that it is one."""
    assert header(response, "content-type") == "text/html; charset=utf-8"
    return response.body.decode("utf-8")


def data(response):
    """The JSON in the response, which says that it is JSON."""
    assert header(response, "content-type") == "application/json"
    return json.loads(response.body)


def visits(response):
    """The number of visits that a page shows."""
    return int(re.search(r"您是第 (\d+) 次来访", text(response)).group(1))


# ---- all examples ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("example", "entry", "instance"), SITES)
def test_sessions_move_between_instances_that_share_a_key_and_begin_anew_where_it_is_another(
    example, entry, instance, request
):
    key = {"SECRET_KEY": "one"}
    with start_instance(example, entry, **key) as first, start_instance(example, entry, **key) as second:
        browser = Browser(first)
        assert visits(browser.get("/")) == 1
        browser.invoke = second
        assert visits(browser.get("/")) == 2
    without_key = request.getfixturevalue(instance)
    browser.invoke = without_key
    assert visits(browser.get("/")) == 1
    with start_instance(example, entry) as another_without_key:
        browser.invoke = another_without_key
        assert visits(browser.get("/")) == 1


@pytest.mark.parametrize("example", ["flask_app", "fastapi_app", "django_app"])
def test_s_yaml_deploys_the_example(example):
    text = (EXAMPLES / example / "s.yaml").read_text(encoding="utf-8")
    project = yaml.safe_load(text)
    assert project["edition"] == "3.0.0"
    (resource,) = project["resources"].values()
    assert resource["component"] == "fc3"
    props = resource["props"]
    jsonschema.validate(props, json.loads(SCHEMA.read_text(encoding="utf-8")), jsonschema.Draft7Validator)
    assert (EXAMPLES / example / props["code"] / "index.py").is_file()
    assert props["handler"] == "index.handler"
    hooks = props.get("instanceLifecycleConfig", {})
    assert {name: hook["handler"] for name, hook in hooks.items()} == HOOKS[example]
    assert all(0 < hook["timeout"] <= props["timeout"] for hook in hooks.values())
    (trigger,) = props["triggers"]
    assert trigger["triggerType"] == "http"
    assert props["runtime"] in RUNTIMES
    assert props["environmentVariables"]["PYTHONPATH"] == "/code/python"
    assert resource["actions"] == {"pre-deploy": [{"run": "fc-adapter build", "path": "./"}]}
    assert "/.fc-build" in (EXAMPLES / example / ".fcignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("example", ["flask_app", "fastapi_app", "django_app"])
def test_s_yaml_shows_a_custom_domain_as_an_option(example):
    text = (EXAMPLES / example / "s.yaml").read_text(encoding="utf-8")
    resources = yaml.safe_load(with_domain(text))["resources"]
    assert resources["domain"]["component"] == "fc3-domain"
    (route,) = resources["domain"]["props"]["routeConfig"]["routes"]
    assert (route["path"], route["functionName"]) == ("/*", resources["web"]["props"]["functionName"])


@pytest.mark.parametrize("example", ["flask_app", "fastapi_app", "django_app"])
def test_requirements_name_the_adapter_and_the_framework(example):
    requirements = (EXAMPLES / example / "requirements.txt").read_text(encoding="utf-8").split()
    assert requirements[0] == "fc-adapter"
    assert requirements[1].startswith(example.partition("_")[0])


# ---- Flask -----------------------------------------------------------------------------------------------------------


def test_flask_page(flask_instance):
    response = Browser(flask_instance).get("/")
    assert response.status == 200
    assert "<h1>你好，朋友！</h1>" in text(response)
    assert '<form action="/upload" method="post" enctype="multipart/form-data">' in text(response)


def test_flask_counts_the_visits_of_each_browser(flask_instance):
    browser, other = Browser(flask_instance), Browser(flask_instance)
    assert [visits(browser.get("/")) for _ in range(3)] == [1, 2, 3]
    assert visits(other.get("/")) == 1


def test_flask_does_not_believe_a_forged_session(flask_instance):
    browser = Browser(flask_instance)
    browser.get("/")
    browser.cookies["session"] = browser.cookies["session"][:-4] + "AAAA"
    assert visits(browser.get("/")) == 1


def test_flask_login_sets_two_cookies_and_redirects(flask_instance):
    browser = Browser(flask_instance)
    response = browser.post_form("/login", {"name": "小红", "theme": "dark"})
    assert (response.status, header(response, "location")) == (303, "/")
    assert set(browser.cookies) == {"session", "theme"}
    page = text(browser.get("/"))
    assert "<h1>你好，小红！</h1>" in page
    assert '<body class="dark">' in page


def test_flask_logout_forgets_the_name_and_keeps_the_theme(flask_instance):
    browser = Browser(flask_instance)
    browser.post_form("/login", {"name": "小红", "theme": "dark"})
    response = browser.get("/logout")
    assert (response.status, header(response, "location")) == (302, "/")
    page = text(browser.get("/"))
    assert "<h1>你好，朋友！</h1>" in page
    assert '<body class="dark">' in page


def test_flask_api_keeps_a_greeting(flask_instance):
    browser = Browser(flask_instance)
    greeting = {"name": "小华", "text": "早上好，世界 🌏"}
    response = browser.post("/api/greetings", json.dumps(greeting).encode(), "application/json")
    assert response.status == 201
    assert data(response) == greeting
    assert "早上好".encode() in response.body
    response = browser.get("/api/greetings")
    assert response.status == 200
    assert greeting in data(response)["greetings"]
    assert "早上好，世界 🌏" in text(browser.get("/"))


@pytest.mark.parametrize(
    ("body", "content_type", "fields"),
    [
        (b'{"name": "a"}', "application/json", {"text"}),
        (b'{"name": "  ", "text": 1}', "application/json", {"name", "text"}),
        (b'{"name": "a", "text": "\\ud83d"}', "application/json", {"text"}),
        (json.dumps({"name": "长" * 41, "text": "长" * 200}).encode(), "application/json", {"name"}),
        (b"[]", "application/json", {"body"}),
        (b"{", "application/json", {"body"}),
        (b"", "application/json", {"body"}),
        (b"name=a&text=b", FORM, {"body"}),
    ],
)
def test_flask_api_says_what_is_wrong(flask_instance, body, content_type, fields):
    response = Browser(flask_instance).post("/api/greetings", body, content_type)
    assert response.status == 400
    assert set(data(response)["errors"]) == fields


def test_flask_upload_takes_several_files_of_any_bytes_and_names(flask_instance):
    files = [("报告 一.bin", bytes(range(256)) * 300), ("naïve.txt", "文本".encode("gbk")), ("empty", b"")]
    response = Browser(flask_instance).post("/upload", *multipart(*files))
    assert response.status == 200
    assert data(response) == {
        "files": [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files
        ]
    }


def test_flask_upload_needs_a_file(flask_instance):
    response = Browser(flask_instance).post("/upload", *multipart())
    assert response.status == 400
    assert set(data(response)["errors"]) == {"files"}


def test_flask_download_is_an_image_to_the_last_byte(flask_instance):
    response = Browser(flask_instance).get("/download")
    assert response.status == 200
    assert header(response, "content-type") == "image/png"
    assert header(response, "content-disposition").startswith("attachment;")
    assert f"filename*=UTF-8''{quote('渐变.png')}" in header(response, "content-disposition")
    chunks = read_png(response.body)
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert (width, height) == (256, 64)
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)


def read_png(content):
    """The chunks of a PNG image by their names, after their checksums have been found right."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, position = {}, 8
    while position < len(content):
        (length,) = struct.unpack_from(">I", content, position)
        kind_and_data = content[position + 4 : position + 8 + length]
        assert struct.unpack_from(">I", content, position + 8 + length) == (zlib.crc32(kind_and_data),)
        chunks[kind_and_data[:4]] = kind_and_data[4:]
        position += 12 + length
    return chunks


# ---- FastAPI ---------------------------------------------------------------------------------------------------------


def add_note(browser, **fields):
    """The note that the app answers after it has been given one."""
    response = browser.post("/notes", json.dumps(fields).encode(), "application/json")
    assert response.status == 201
    return data(response)


def log(browser):
    """What the app has written down."""
    response = browser.get("/log")
    assert response.status == 200
    return data(response)


def read_events(database):
    """What is written down in a database that no app has open."""
    with closing(sqlite3.connect(database)) as connection:
        return [event for (event,) in connection.execute("SELECT event FROM log ORDER BY id")]


def test_fastapi_opens_its_store_in_the_initializer_and_closes_it_before_the_end(tmp_path):
    database = tmp_path / "notes.db"
    with start_instance("fastapi_app", DATABASE=str(database)) as invoke:
        assert not database.exists()
        assert invoke(name="initialize") is None
        assert read_events(database) == ["opened"]
        browser = Browser(invoke)
        note = add_note(browser, title="一", text="二", due="2026-02-03")
        assert data(browser.get("/notes")) == [note]
        assert browser.request("DELETE", f"/notes/{note['id']}").status == 204
        events = ["opened", "added note 1", "deleted note 1"]
        assert log(browser) == events
        assert invoke(name="pre_stop") is None
        assert read_events(database) == [*events, "closed"]
    assert read_events(database) == [*events, "closed"]


def test_fastapi_opens_its_store_at_the_first_request_and_closes_it_at_exit_where_there_are_no_hooks(tmp_path):
    database = tmp_path / "notes.db"
    with start_instance("fastapi_app", DATABASE=str(database)) as invoke:
        assert not database.exists()
        assert [log(Browser(invoke)) for _ in range(3)] == [["opened"]] * 3
    assert read_events(database) == ["opened", "closed"]


def test_fastapi_keeps_notes_where_its_database_is(tmp_path):
    database = tmp_path / "notes.db"
    with start_instance("fastapi_app", DATABASE=str(database)) as invoke:
        note = add_note(Browser(invoke), title="留着")
    with start_instance("fastapi_app", DATABASE=str(database)) as invoke:
        assert data(Browser(invoke).get("/notes")) == [note]


def test_fastapi_initializer_says_why_the_store_cannot_be_opened(tmp_path):
    instance = subprocess.run(
        command("-c", RUNTIME, "index"),
        cwd=EXAMPLES / "fastapi_app",
        env=environment(DATABASE=str(tmp_path / "nowhere" / "notes.db")),
        input='["initialize", null]\n',
        capture_output=True,
        encoding="utf-8",
    )
    assert (instance.returncode, instance.stdout) == (1, "")
    assert "fc_adapter.errors.AppError: the app's startup failed: " in instance.stderr
    assert "unable to open database file" in instance.stderr


def test_fastapi_leads_browsers_to_its_documentation(fastapi_instance):
    browser = Browser(fastapi_instance)
    response = browser.get("/")
    assert (response.status, header(response, "location")) == (307, "/docs")
    response = browser.get("/docs")
    assert response.status == 200
    assert "<title>便签 - Swagger UI</title>" in text(response)
    assert "url: '/openapi.json'" in text(response)


def test_fastapi_describes_itself(fastapi_instance):
    response = Browser(fastapi_instance).get("/openapi.json")
    assert response.status == 200
    description = data(response)
    assert description["info"]["title"] == "便签"
    assert {path: set(methods) for path, methods in description["paths"].items()} == {
        "/notes": {"get", "post"},
        "/notes/{note_id}": {"delete"},
        "/notes.jsonl": {"get"},
        "/notes.zip": {"get"},
        "/files": {"post"},
        "/preferences": {"get", "put"},
        "/log": {"get"},
    }
    assert description["components"]["schemas"]["Note"]["required"] == ["title"]


def test_fastapi_keeps_a_note(fastapi_instance):
    browser = Browser(fastapi_instance)
    note = add_note(browser, title=" 早上好 ", text="世界 🌏", due="2026-02-03")
    assert note == {"id": note["id"], "title": "早上好", "text": "世界 🌏", "due": "2026-02-03"}
    response = browser.get("/notes")
    assert note in data(response)
    assert "世界 🌏".encode() in response.body


def test_fastapi_forgets_a_note(fastapi_instance):
    browser = Browser(fastapi_instance)
    note = add_note(browser, title="走")
    path = f"/notes/{note['id']}"
    response = browser.request("DELETE", path)
    assert (response.status, response.body) == (204, b"")
    assert note not in data(browser.get("/notes"))
    response = browser.request("DELETE", path)
    assert response.status == 404
    assert data(response) == {"detail": "没有这张便签"}


@pytest.mark.parametrize(
    ("body", "content_type", "places"),
    [
        (b"{}", "application/json", [["body", "title"]]),
        (b'{"title": "  ", "text": 1}', "application/json", [["body", "title"], ["body", "text"]]),
        (b'{"title": "a", "due": "2026-02-30"}', "application/json", [["body", "due"]]),
        (b'{"title": "a", "text": "\\ud83d"}', "application/json", [["body", "text"]]),
        (json.dumps({"title": "长" * 41, "text": "长" * 400}).encode(), "application/json", [["body", "title"]]),
        (b"[]", "application/json", [["body"]]),
        (b"{", "application/json", [["body", 1]]),
        (b"", "application/json", [["body"]]),
        (b"title=a", FORM, [["body"]]),
    ],
)
def test_fastapi_says_what_is_wrong(fastapi_instance, body, content_type, places):
    response = Browser(fastapi_instance).post("/notes", body, content_type)
    assert response.status == 422
    errors = data(response)["detail"]
    assert [error["loc"] for error in errors] == places
    assert all(error["msg"] for error in errors)


def test_fastapi_refuses_an_id_that_is_no_number(fastapi_instance):
    response = Browser(fastapi_instance).request("DELETE", "/notes/一")
    assert response.status == 422
    assert [error["loc"] for error in data(response)["detail"]] == [["path", "note_id"]]


def test_fastapi_streams_every_note(fastapi_instance):
    browser = Browser(fastapi_instance)
    added = [add_note(browser, title=f"第 {number} 张") for number in range(3)]
    response = browser.get("/notes.jsonl")
    assert (response.status, header(response, "content-type")) == (200, "application/x-ndjson")
    lines = response.body.decode("utf-8").split("\n")
    assert [json.loads(line) for line in lines[-4:-1]] == added
    assert lines[-1] == ""


def test_fastapi_download_is_an_archive_to_the_last_byte(fastapi_instance):
    browser = Browser(fastapi_instance)
    note = add_note(browser, title="标题", text="正文\n" * 40)
    response = browser.get("/notes.zip")
    assert (response.status, header(response, "content-type")) == (200, "application/zip")
    assert header(response, "content-disposition").startswith("attachment;")
    assert f"filename*=UTF-8''{quote('便签.zip')}" in header(response, "content-disposition")
    with ZipFile(BytesIO(response.body)) as archive:
        assert archive.testzip() is None
        content = archive.read(f"便签 {note['id']}.txt").decode("utf-8")
    assert content == f"标题\n\n{note['text']}\n"


def test_fastapi_upload_takes_several_files_of_any_bytes_and_names(fastapi_instance):
    browser = Browser(fastapi_instance)
    files = [("报告 一.bin", bytes(range(256)) * 5000), ("naïve.txt", "文本".encode("gbk")), ("empty", b"")]
    response = browser.post("/files", *multipart(*files))
    assert response.status == 200
    assert data(response) == [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files
    ]
    assert log(browser)[-1] == "received 3 files"


def test_fastapi_upload_needs_a_file(fastapi_instance):
    response = Browser(fastapi_instance).post("/files", *multipart())
    assert response.status == 422
    assert [error["loc"] for error in data(response)["detail"]] == [["body", "files"]]


def test_fastapi_sets_two_cookies_at_once(fastapi_instance):
    browser = Browser(fastapi_instance)
    assert data(browser.get("/preferences")) == {"theme": "light", "language": "zh"}
    chosen = {"theme": "dark", "language": "en"}
    response = browser.request("PUT", "/preferences", body=json.dumps(chosen).encode(), content_type="application/json")
    assert (response.status, data(response)) == (200, chosen)
    assert browser.cookies == chosen
    assert data(browser.get("/preferences")) == chosen


def test_fastapi_background_work_is_done_by_the_next_request(fastapi_instance):
    browser = Browser(fastapi_instance)
    for number in range(20):
        note = add_note(browser, title=f"第 {number} 张")
        assert log(browser)[-1] == f"added note {note['id']}"


def test_fastapi_forgets_the_oldest_notes():
    with start_instance("fastapi_app") as invoke:
        browser = Browser(invoke)
        for _ in range(103):
            add_note(browser, title="一")
        assert [note["id"] for note in data(browser.get("/notes"))] == list(range(4, 104))
        assert log(browser) == [f"added note {number}" for number in range(4, 104)]


# ---- Django ----------------------------------------------------------------------------------------------------------


def csrf_token(response):
    """The token in the form of a page."""
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text(response)).group(1)


def test_django_page(django_instance):
    browser = Browser(django_instance)
    response = browser.get("/")
    assert response.status == 200
    assert "<h1>留言簿</h1>" in text(response)
    assert "还没有留言。" in text(response)
    assert set(browser.cookies) == {"csrftoken", "sessionid"}


def test_django_counts_the_visits_of_each_browser(django_instance):
    browser, other = Browser(django_instance), Browser(django_instance)
    assert [visits(browser.get("/")) for _ in range(3)] == [1, 2, 3]
    assert visits(other.get("/")) == 1


def test_django_keeps_the_last_entries_in_the_session(django_instance):
    browser = Browser(django_instance)
    token = csrf_token(browser.get("/"))
    for number in range(4):
        fields = {"csrfmiddlewaretoken": token, "name": "小红 & 小明", "text": f"第 {number} 条留言"}
        response = browser.post_form("/", fields, origin=f"https://{HOST}")
        assert (response.status, header(response, "location")) == (302, "/")
    page = text(browser.get("/"))
    assert "<b>小红 &amp; 小明</b>：第 3 条留言" in page
    assert "第 0 条留言" not in page


def test_django_session_cookie_holds_the_longest_entries(django_instance):
    browser = Browser(django_instance)
    token = csrf_token(browser.get("/"))
    for number in range(3):
        entry = "".join(chr(0x4E00 + 80 * number + offset) for offset in range(80))
        fields = {"csrfmiddlewaretoken": token, "name": entry[:20], "text": entry[20:]}
        assert browser.post_form("/", fields, origin=f"https://{HOST}").status == 302
    assert len(browser.cookies["sessionid"]) < 4000
    assert visits(browser.get("/")) == 2


def test_django_form_says_what_is_wrong(django_instance):
    browser = Browser(django_instance)
    fields = {"csrfmiddlewaretoken": csrf_token(browser.get("/")), "name": "小红", "text": ""}
    response = browser.post_form("/", fields, origin=f"https://{HOST}")
    assert response.status == 400
    assert 'value="小红"' in text(response)
    assert "errorlist" in text(response)


@pytest.mark.parametrize(
    ("token", "origin"),
    [("", f"https://{HOST}"), ("x" * 64, f"https://{HOST}"), (None, "https://evil.example"), (None, None)],
)
def test_django_refuses_a_post_from_elsewhere(django_instance, token, origin):
    browser = Browser(django_instance)
    good_token = csrf_token(browser.get("/"))
    fields = {"csrfmiddlewaretoken": good_token if token is None else token, "name": "a", "text": "b"}
    assert browser.post_form("/", fields, origin=origin).status == 403


def test_django_path_in_chinese(django_instance):
    browser = Browser(django_instance)
    response = browser.get("/hello/杭州 西湖/")
    assert response.status == 200
    assert "<h1>你好，杭州 西湖！</h1>" in text(response)
    assert "<code>/hello/杭州 西湖/</code>" in text(response)


def test_django_redirects_to_the_path_with_a_slash(django_instance):
    response = Browser(django_instance).get("/hello/杭州", query=[("来自", "北京")])
    assert response.status == 301
    location = f"/hello/{quote('杭州')}/?{quote('来自')}={quote('北京')}"
    assert header(response, "location") == location


def test_django_json(django_instance):
    response = Browser(django_instance).get("/api/status", query=[("城市", "杭州"), ("q", "a b&c")])
    assert response.status == 200
    assert data(response) == {
        "message": "一切正常",
        "secure": True,
        "client": "11.11.11.11",
        "requestId": "1-example",
        "query": {"城市": "杭州", "q": "a b&c"},
    }
    assert "一切正常".encode() in response.body


@pytest.mark.parametrize("entry", ["index", "index_asgi"])
def test_django_answers_only_to_its_hosts(entry):
    with start_instance("django_app", entry, ALLOWED_HOSTS="www.example.com,example.com") as invoke:
        hosts = [HOST, "www.example.com", "example.com", "evil.example", "fcapp.run.evil.example"]
        statuses = [Browser(invoke).get("/", host=host).status for host in hosts]
    assert statuses == [200, 200, 200, 400, 400]


def test_django_entries_give_the_same_answers(django_wsgi_instance, django_asgi_instance):
    paths = ["/hello/杭州 西湖/", "/hello/杭州", "/api/status", "/nowhere"]
    methods = ["GET", "HEAD", "OPTIONS", "PUT"]
    answers = []
    for invoke in (django_wsgi_instance, django_asgi_instance):
        responses = [Browser(invoke).request(method, path) for path in paths for method in methods]
        answers.append([(status, sorted(headers), body) for status, headers, body in responses])
    assert answers[0] == answers[1]
    assert {status for status, _, _ in answers[0]} == {200, 301, 403, 404, 405}


def test_django_manage_finds_no_fault():
    checked = subprocess.run(
        command("manage.py", "check", "--fail-level", "WARNING"),
        cwd=EXAMPLES / "django_app",
        env=environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert checked.returncode == 0, checked.stderr
