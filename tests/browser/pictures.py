"""The pictures of the inspector in README and docs, one for each language: ``python -m tests.browser.pictures``.

It takes playwright, a Chromium, a font with Chinese characters, and Pillow, which makes the files a third as large.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from tests.browser.conftest import FLAGS
from tests.support.inspecting import Page
from tests.support.server import Server

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LANGUAGES = {"inspector.png": "en-GB", "inspector.zh-CN.png": "zh-CN"}

SOURCE = """
import asyncio
import logging

import fc_adapter
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

app = FastAPI()


async def send_mail():
    await asyncio.sleep(0.18)


@app.post("/orders", status_code=201)
async def order(response: Response):
    logging.getLogger("shop").info("order A-1001")
    await asyncio.sleep(0.04)
    app.state.mail = asyncio.create_task(send_mail())
    response.set_cookie("session", "s3cr3t", httponly=True)
    response.set_cookie("basket", "b4sk3t")
    response.headers["Content-Disposition"] = "inline"
    return {"order": "A-1001", "tea": "龙井", "price": 128.5}


@app.get("/items/{number}")
async def item(number: int):
    return {"number": number}


@app.delete("/items/{number}", status_code=204)
async def remove(number: int):
    return None


@app.get("/")
async def index():
    return Response("<h1>茶</h1>", media_type="text/html")


@app.get("/boom")
async def boom():
    raise LookupError("no such tea")


handler = fc_adapter.wrap(app, on_error="raise")
initialize = handler.initialize
"""

ORDER = '{"sku": "tea-001", "amount": 3, "note": "小心轻放"}'.encode()


def main():
    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        Path(directory, "index.py").write_text(SOURCE, encoding="utf-8")
        with Server("index:handler", "--initializer", "index.initialize", cwd=directory) as server:
            inspector = Page(server.wait_for(r"the inspector shows each request on (http://\S+)")[1])
            send_requests(server)
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for name, locale in LANGUAGES.items():
                page = browser.new_page(viewport={"width": 1600, "height": 1000}, locale=locale, color_scheme="light")
                page.goto(inspector.url)
                page.get_by_text("/orders?tag=gift").first.click()
                page.wait_for_timeout(500)  # for what is drawn after a click
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                picture.quantize(128, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)
            browser.close()


def send_requests(server):
    """What a shop gets in a morning; the second POST is the one to look at."""
    server.request("GET", "/")
    server.request("GET", "/items/7")
    server.request("GET", "/items/7?x=1")
    headers = {
        "Content-Type": "application/json",
        "Cookie": "session=s3cr3t",
        "Authorization": "Bearer t0k3n",
        "Connection": "keep-alive",
    }
    server.request("POST", "/orders?tag=gift&tag=%E8%8C%B6", body=ORDER, headers=headers)
    server.request("GET", "/boom")
    server.request("DELETE", "/items/7")
    server.request("TRACE", "/")
    server.request("GET", "/nothing")


if __name__ == "__main__":
    main()
