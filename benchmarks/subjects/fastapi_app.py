"""A FastAPI app that answers what the others answer."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from .apps import PAGE

app = FastAPI()


class Item(BaseModel):
    message: str
    count: int


@app.post("/items")
async def create(item: Item):
    return {"ok": True, "count": item.count + 1}


@app.get("/pages/{name}")
async def page(name: str):
    response = HTMLResponse(PAGE)
    response.set_cookie("seen", "2", httponly=True)
    return response


@app.post("/def/items")
def create_in_thread(item: Item):
    return {"ok": True, "count": item.count + 1}


@app.get("/def/pages/{name}")
def page_in_thread(name: str):
    response = HTMLResponse(PAGE)
    response.set_cookie("seen", "2", httponly=True)
    return response
