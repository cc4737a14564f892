"""Projects from ``fc-adapter init`` to an answer of ``fc-adapter serve``, over a socket."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.server import Server

PROJECTS = {
    "a Flask object": {
        "app.py": 'from flask import Flask\n\napp = Flask(__name__)\napp.add_url_rule("/", view_func=lambda: "你好")\n'
    },
    "a Flask factory": {
        "shop/__init__.py": "from flask import Flask\n\n\ndef create_app():\n    app = Flask(__name__)\n"
        '    app.add_url_rule("/", view_func=lambda: "你好")\n    return app\n'
    },
    "FastAPI in a package, with a lifespan": {
        "shop/__init__.py": "",
        "shop/main.py": "from contextlib import asynccontextmanager\n\nfrom fastapi import FastAPI\n"
        "from fastapi.responses import PlainTextResponse\n\nfrom .words import HELLO\n\n\n"
        '@asynccontextmanager\nasync def lifespan(app):\n    print("started")\n    yield\n    print("stopped")\n\n\n'
        'app = FastAPI(lifespan=lifespan)\n\n\n@app.get("/")\ndef index():\n    return PlainTextResponse(HELLO)\n',
        "shop/words.py": 'HELLO = "你好"\n',
    },
    "Starlette in src": {
        "src/shop/__init__.py": "",
        "src/shop/web.py": "from starlette.applications import Starlette\n"
        "from starlette.responses import PlainTextResponse\nfrom starlette.routing import Route\n\n"
        "from shop.words import HELLO\n\n\nasync def index(request):\n    return PlainTextResponse(HELLO)\n\n\n"
        'app = Starlette(routes=[Route("/", index)])\n',
        "src/shop/words.py": 'HELLO = "你好"\n',
    },
    "Chinese names": {
        "商店/应用.py": "from flask import Flask\n\n应用 = Flask(__name__)\n"
        '应用.add_url_rule("/", view_func=lambda: "你好")\n'
    },
}


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS)
def test_the_project_is_served_at_once(project, command, files):
    project.write(files)
    status, out, err = command("init")
    assert (status, err) == (0, "")
    with Server(cwd=project.directory) as server:
        answer = server.get("/")
    assert (answer.status, answer.text) == (200, "你好")
    if "FastAPI" in out:
        assert [line for line in server.lines if line in ("started", "stopped")] == ["started", "stopped"]


def test_a_new_django_site_is_served_at_once(project, command):
    subprocess.run([sys.executable, "-m", "django", "startproject", "mysite", "."], check=True, timeout=60)
    status, out, _ = command("init")
    assert (status, out.splitlines()[0]) == (0, "found mysite.wsgi:application (Django, WSGI)")
    with Server(cwd=project.directory) as server:
        assert "The install worked successfully!" in server.get("/").text
        assert server.get("/admin/login/").status == 200


def test_an_app_of_an_installed_package_is_served_at_once(project, command):
    command("init", "--app", "tests.apps.flask_wsgi:app")
    with Server(cwd=project.directory) as server:
        assert server.get("/nowhere").status == 404
