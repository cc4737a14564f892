"""A FastAPI app that uses the pools its path names, such as ``/redis,httpx``, which the lifespan has made.

``PEERS`` in the environment has the ports, as JSON: ``{"postgres": 5432, ...}``. A pool whose peer is missing is, too.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import asyncpg
import httpx
import redis.asyncio
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

PEERS = json.loads(os.environ["PEERS"])


class LinePool:
    """A pool as aiomysql has it: a free connection is taken unless its stream has seen the peer's end."""

    def __init__(self, port):
        self._port = port
        self._free = deque()

    async def ask(self, line):
        while self._free and (self._free[0][0].at_eof() or self._free[0][0].exception()):
            self._free.popleft()[1].close()
        if not self._free:
            self._free.append(await asyncio.open_connection("127.0.0.1", self._port))
        reader, writer = connection = self._free.popleft()
        writer.write(line)
        answer = await reader.readline()
        if not answer:
            writer.close()
            raise ConnectionError("the peer has hung up")
        self._free.append(connection)
        return answer

    async def close(self):
        for _, writer in self._free:
            writer.close()


@asynccontextmanager
async def lifespan(app):
    async with AsyncExitStack() as stack:
        state = {}
        if "postgres" in PEERS:
            url = f"postgresql://fc@127.0.0.1:{PEERS['postgres']}/postgres"
            state["asyncpg"] = await stack.enter_async_context(asyncpg.create_pool(url, min_size=1, max_size=2))
            for name, pre_ping in [("pinged", True), ("unpinged", False)]:
                engine = create_async_engine(url.replace("://", "+asyncpg://"), pool_pre_ping=pre_ping)
                stack.push_async_callback(engine.dispose)
                state[name] = engine
        if "redis" in PEERS:
            state["redis"] = redis.asyncio.Redis(port=PEERS["redis"])
            stack.push_async_callback(state["redis"].aclose)
        if "http" in PEERS:
            state["httpx"] = await stack.enter_async_context(httpx.AsyncClient())
            state["aiohttp"] = await stack.enter_async_context(aiohttp.ClientSession())
        if "lines" in PEERS:
            state["lines"] = LinePool(PEERS["lines"])
            stack.push_async_callback(state["lines"].close)
        app.state.pools = state
        yield


async def use_asyncpg(pool):
    return await pool.fetchval("SELECT 40 + 2")


async def use_sqlalchemy(engine):
    async with engine.connect() as connection:
        return (await connection.execute(text("SELECT 40 + 2"))).scalar_one()


async def use_redis(client):
    await client.set("answer", 42)
    return int(await client.get("answer"))


async def use_httpx(client):
    response = await client.get(f"http://127.0.0.1:{PEERS['http']}/42")
    return int(response.text.split("/")[1].split()[0])


async def use_aiohttp(session):
    async with session.get(f"http://127.0.0.1:{PEERS['http']}/42") as response:
        return int((await response.text()).split("/")[1].split()[0])


async def use_lines(pool):
    return int(await pool.ask(b"42\n"))


USES = {
    "asyncpg": use_asyncpg,
    "pinged": use_sqlalchemy,
    "unpinged": use_sqlalchemy,
    "redis": use_redis,
    "httpx": use_httpx,
    "aiohttp": use_aiohttp,
    "lines": use_lines,
}


def make_app():
    """An app with pools of its own."""
    app = FastAPI(lifespan=lifespan)

    @app.get("/{names}")
    async def use(names: str):
        return [await USES[name](app.state.pools[name]) for name in names.split(",")]

    return app


app = make_app()
