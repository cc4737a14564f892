"""A real Chromium for the tests of the inspector's page, and a server to look at. Skipped where there is none."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from tests.support.inspecting import Page
from tests.support.server import PATIENCE, Server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SOURCE = """
import asyncio, json, logging, os, sys, time
import fc_adapter

print("loading the catalogue")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73"
    "0000001149444154789c63f8cfc0f0ff3f03180300" "1df105fbcdb07bd50000000049454e44ae426082"
)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    request = await receive()
    body, headers, status = b"ok", [(b"content-type", b"text/plain")], 200
    logging.getLogger("shop").info("serving %s", path)
    if path == "/answer":  # whatever the request's body describes
        described = json.loads(request["body"])
        status, body = described["status"], described["body"].encode()
        headers = [(name.encode(), value.encode()) for name, value in described["headers"]]
    if path == "/print":
        print(request["body"].decode())
    if path == "/raise":
        raise ValueError(request["body"].decode() or "broken on purpose")
    if path == "/image":
        body, headers = PNG, [(b"content-type", b"image/png")]
    if path == "/large":
        body = b"x" * 30_000_000
    if path == "/wait":
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    if path == "/background":
        await asyncio.sleep(0.2)


handler = fc_adapter.wrap(app, on_error="raise")
initialize = handler.initialize


def plain(event, context):
    return json.loads(event)["rawPath"]
"""


@pytest.fixture(scope="module")
def chromium():
    """The browser. Its event loop runs as long as it does, so it does not outlive a module."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'fc-adapter[browser]'")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Start servers for a module: ``servers(*arguments)`` gives ``(server, its inspector)``."""
    with contextlib.ExitStack() as stack:

        def start(*arguments, **options):
            directory = tmp_path_factory.mktemp("code")
            (directory / "index.py").write_text(SOURCE)
            server = stack.enter_context(Server(*arguments, cwd=directory, **options))
            server.go = directory / "go"  # what a request to /wait waits for
            return server, Page(server.wait_for(r"the inspector shows each request on (http://\S+)")[1])

        yield start


@pytest.fixture(scope="module")
def running(servers):
    """A server, and its inspector."""
    environment = {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret-of-the-account"}
    return servers("index:handler", "--initializer", "index.initialize", environment=environment)


@pytest.fixture
def server(running):
    return running[0]


@pytest.fixture
def inspector(running):
    return running[1]


@pytest.fixture
def open_page(chromium, inspector):
    """Open the inspector: ``open_page(address="", **options of the context)``. What it reports fails the test."""
    problems = []
    contexts = []

    def note(message):
        # That the inspector refuses something, or is gone, is what some tests are about.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            problems.append(message.text)

    def open_page(address="", *, url=None, **options):
        options = {"viewport": {"width": 1600, "height": 900}, "locale": "en-GB", **options}
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", note)
        page.on("dialog", lambda dialog: problems.append(dialog.message) or dialog.dismiss())
        page.goto((url or inspector.url) + address)
        page.wait_for_selector("#connection:not(:empty)")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
