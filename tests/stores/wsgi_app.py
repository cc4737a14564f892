"""A Flask app whose routes each use a pool of their own. ``PEERS`` as for ``asgi_app``."""

from __future__ import annotations

import json
import os

import httpx
import psycopg_pool
import redis
from flask import Flask
from sqlalchemy import create_engine, text

PEERS = json.loads(os.environ["PEERS"])
app = Flask(__name__)

if "postgres" in PEERS:
    url = f"postgresql://fc@127.0.0.1:{PEERS['postgres']}/postgres"
    check = psycopg_pool.ConnectionPool.check_connection
    pool = psycopg_pool.ConnectionPool(url, min_size=1, max_size=2, check=check, open=False)
    engines = {
        name: create_engine(url.replace("://", "+psycopg://"), pool_pre_ping=pre_ping)
        for name, pre_ping in [("pinged", True), ("unpinged", False)]
    }
if "redis" in PEERS:
    client = redis.Redis(port=PEERS["redis"])
web = httpx.Client()


@app.get("/psycopg")
def use_psycopg():
    pool.open()
    with pool.connection() as connection:
        return str(connection.execute("SELECT 40 + 2").fetchone()[0])


@app.get("/pinged", defaults={"name": "pinged"})
@app.get("/unpinged", defaults={"name": "unpinged"})
def use_sqlalchemy(name):
    with engines[name].connect() as connection:
        return str(connection.execute(text("SELECT 40 + 2")).scalar_one())


@app.get("/redis")
def use_redis():
    client.set("answer", 42)
    return client.get("answer")


@app.get("/httpx")
def use_httpx():
    return web.get(f"http://127.0.0.1:{PEERS['http']}/42").text.split("/")[1].split()[0]


def close():
    if "postgres" in PEERS:
        pool.close()
        for engine in engines.values():
            engine.dispose()
    if "redis" in PEERS:
        client.close()
    web.close()
