"""An app that writes down its life in the file that ``LIFE_LOG`` names."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


@asynccontextmanager
async def lifespan(app):
    with Path(os.environ["LIFE_LOG"]).open("a", encoding="utf-8") as log:
        log.write("启动\n")
        yield {"log": log, "own": "untouched"}
        log.write("停止\n")


async def write(request):
    request.state.log.write(f"{request.url.path} {request.state.own}\n")
    request.state.own = "changed"
    return PlainTextResponse("written")


app = Starlette(routes=[Route("/{name}", write)], lifespan=lifespan)
