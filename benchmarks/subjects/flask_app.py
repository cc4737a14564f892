"""A Flask app that answers what the others answer."""

from __future__ import annotations

from flask import Flask, Response, request

from .apps import PAGE

app = Flask(__name__)


@app.post("/items")
def create():
    return {"ok": True, "count": request.get_json()["count"] + 1}


@app.get("/pages/<name>")
def page(name):
    response = Response(PAGE, mimetype="text/html")
    response.set_cookie("seen", "2", httponly=True)
    return response
