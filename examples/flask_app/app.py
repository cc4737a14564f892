"""A Flask app with what a small site needs: a page, forms, uploads, a JSON API, a download, cookies and a session.

Nothing in it knows of Function Compute: ``flask run`` serves it as well, and ``index.py`` is all that deploying adds.
"""

import hashlib
import os
import secrets
import struct
import zlib
from collections import deque
from io import BytesIO

from flask import Flask, redirect, render_template, request, send_file, session, url_for

app = Flask(__name__)
app.json.ensure_ascii = False
app.config.update(
    # Sessions are signed with this key, and every instance of the function must have the same one, or a visitor who
    # meets another instance starts anew. A random key is enough to try the app out: one process, one key.
    SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(32),
    SESSION_COOKIE_SAMESITE="Lax",
)

# In the memory of one instance: other instances do not see it, and it is gone when this one is. Keep real data in a
# database; the limit is here because the form is open to everyone.
greetings = deque([{"name": "小明", "text": "你好，函数计算！"}], maxlen=100)


@app.get("/")
def index():
    """The page, which counts the visits of this browser."""
    session["visits"] = session.get("visits", 0) + 1
    return render_template(
        "index.html",
        name=session.get("name"),
        visits=session["visits"],
        theme=request.cookies.get("theme", "light"),
        greetings=greetings,
    )


@app.post("/login")
def login():
    """Remember a name and a theme. The answer sets two cookies at once, and sends the browser back to the page."""
    session["name"] = request.form.get("name", "").strip()[:40]
    theme = "dark" if request.form.get("theme") == "dark" else "light"
    response = redirect(url_for("index"), 303)
    response.set_cookie("theme", theme, max_age=30 * 24 * 3600, samesite="Lax")
    return response


@app.get("/logout")
def logout():
    """Forget the session; the theme stays."""
    session.clear()
    return redirect(url_for("index"))


@app.get("/api/greetings")
def list_greetings():
    """All greetings, as JSON."""
    return {"greetings": list(greetings)}


@app.post("/api/greetings")
def add_greeting():
    """Add ``{"name": ..., "text": ...}``. Answers 201 with the greeting, or 400 with what is wrong in which field."""
    data = request.get_json(silent=True)
    if not isinstance(data, dict):
        return {"errors": {"body": "expected a JSON object, sent as application/json"}}, 400
    greeting, errors = {}, {}
    for field, limit in (("name", 40), ("text", 200)):
        greeting[field] = clean(data.get(field))
        if not 0 < len(greeting[field]) <= limit:
            errors[field] = f"expected a text of 1 to {limit} characters"
    if errors:
        return {"errors": errors}, 400
    greetings.append(greeting)
    return greeting, 201


def clean(value):
    """``value`` without surrounding spaces, or ``""`` when it is no text.

    JSON can hold half of a surrogate pair, which no page can show.
    """
    return value.encode("utf-8", "ignore").decode("utf-8").strip() if isinstance(value, str) else ""


@app.post("/upload")
def upload():
    """Take any number of files from the form field ``files``; answer their names, sizes in bytes and SHA-256 sums."""
    received = []
    for file in request.files.getlist("files"):
        content = file.read()
        received.append({"name": file.filename, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    if not received:
        return {"errors": {"files": "expected at least one file"}}, 400
    return {"files": received}


@app.get("/download")
def download():
    """An image that is made on the spot, for the browser to save under a Chinese name."""
    return send_file(BytesIO(make_png(256, 64)), mimetype="image/png", as_attachment=True, download_name="渐变.png")


def make_png(width, height):
    """The bytes of a PNG image (8-bit RGB): a gradient from orange to blue."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"".join(bytes((255 - 255 * x // width, 120, 255 * x // width)) for x in range(width))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress((b"\0" + row) * height)),
            chunk(b"IEND", b""),
        )
    )
