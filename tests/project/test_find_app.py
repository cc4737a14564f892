"""Finding a project's app in its source."""

from __future__ import annotations

import sys

import pytest

from fc_adapter.errors import ConfigError
from fc_adapter.project.find_app import find_app

FLASK = "from flask import Flask\n\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\n\napp = FastAPI()\n"
FACTORY = "from flask import Flask\n\ndef create_app():\n    app = Flask(__name__)\n    return app\n"
MANAGE = 'import os\n\ndef main():\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n'
WSGI = "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n"
ASGI = "from django.core.asgi import get_asgi_application\n\napplication = get_asgi_application()\n"

# What each project's files are, and what is found in them.
PROJECTS = {
    "an object": ({"app.py": FLASK}, "app:app (Flask, WSGI)"),
    "by the module's name": ({"app.py": "import flask\napp = flask.Flask('x')\n"}, "app:app (Flask, WSGI)"),
    "by another name": ({"app.py": "import fastapi as f\napi: f.FastAPI = f.FastAPI()\n"}, "app:api (FastAPI, ASGI)"),
    "by a submodule": (
        {"main.py": "import starlette.applications\napp = starlette.applications.Starlette()\n"},
        "main:app (Starlette, ASGI)",
    ),
    "an imported class by another name": (
        {"main.py": "from quart import Quart as Q\napp = Q(__name__)\n"},
        "main:app (Quart, ASGI)",
    ),
    "a subclass": (
        {"app.py": "from flask import Flask\n\nclass Shop(Flask):\n    pass\n\nsite = Shop('x')\n"},
        "app:site (Flask, WSGI)",
    ),
    "in try, with and else": (
        {
            "app.py": "from bottle import Bottle\nif DEBUG:\n    pass\nelse:\n    with LOCK:\n        try:\n"
            "            import x\n        except ImportError:\n            x = 1\n        else:\n            y = 1\n"
            "        finally:\n            app = Bottle()\n"
        },
        "app:app (Bottle, WSGI)",
    ),
    "Pyramid": (
        {
            "app.py": "from pyramid.config import Configurator\n\nwith Configurator() as config:\n"
            "    app = config.make_wsgi_app()\n"
        },
        "app:app (Pyramid, WSGI)",
    ),
    "an alias": ({"app.py": f"{FLASK}\napplication = app\n"}, "app:app (Flask, WSGI)"),
    "a middleware around it": (
        {
            "app.py": f"{FASTAPI}from starlette.middleware.cors import CORSMiddleware\n"
            "application = CORSMiddleware(app, allow_origins=['*'])\n"
        },
        "app:application (FastAPI, ASGI)",
    ),
    "a middleware in its place": (
        {"app.py": f"{FLASK}from werkzeug.middleware.proxy_fix import ProxyFix\napp = ProxyFix(app)\n"},
        "app:app (Flask, WSGI)",
    ),
    "one that contains another": (
        {"main.py": f"{FASTAPI}api = FastAPI()\napp.mount('/api', api)\n"},
        "main:app (FastAPI, ASGI)",
    ),
    "one that contains another as a route": (
        {
            "main.py": "from starlette.applications import Starlette\nfrom starlette.routing import Mount\n"
            "api = Starlette()\napp = Starlette(routes=[Mount('/api', app=api)])\n"
        },
        "main:app (Starlette, ASGI)",
    ),
    "a factory": ({"shop/__init__.py": FACTORY}, "shop:create_app() (Flask, WSGI)"),
    "a factory that returns the call": (
        {"web.py": "from fastapi import FastAPI\ndef create_app(debug=False, *, name='x'):\n    return FastAPI()\n"},
        "web:create_app() (FastAPI, ASGI)",
    ),
    "a factory by its annotation": (
        {"web.py": "import flask\nfrom lib import build\ndef make_app() -> flask.Flask:\n    return build()\n"},
        "web:make_app() (Flask, WSGI)",
    ),
    "a factory that wraps": (
        {
            "web.py": f"{FASTAPI.replace('app =', '_app =')}\n"
            "def create_app():\n    app = GZipMiddleware(_app)\n    return app\n"
        },
        "web:create_app() (FastAPI, ASGI)",
    ),
    "a factory of a factory": (
        {
            "web.py": f"{FACTORY}\ndef make_app():\n    def inner():\n        return 1\n    return create_app()\n"
            "app = make_app()\n"
        },
        "web:app (Flask, WSGI)",
    ),
    "an object that another module's factory makes": (
        {"shop/__init__.py": FACTORY, "wsgi.py": "from shop import create_app\napp = create_app()\n"},
        "wsgi:app (Flask, WSGI)",
    ),
    "the same by the module's name": (
        {"shop/web.py": FACTORY, "wsgi.py": "import shop.web\napplication = shop.web.create_app()\n"},
        "wsgi:application (Flask, WSGI)",
    ),
    "the same, imported relatively": (
        {
            "shop/__init__.py": "",
            "shop/web.py": FACTORY,
            "shop/wsgi.py": "from .web import create_app\napp = create_app()\n",
        },
        "shop.wsgi:app (Flask, WSGI)",
    ),
    "the same, from the package": (
        {
            "shop/__init__.py": FACTORY,
            "shop/sub/__init__.py": "",
            "shop/sub/wsgi.py": "from .. import create_app\napp = create_app()\n",
        },
        "shop.sub.wsgi:app (Flask, WSGI)",
    ),
    "the same, with everything": (
        {"shop/__init__.py": FACTORY, "wsgi.py": "from shop import *\napp = create_app()\n"},
        "wsgi:app (Flask, WSGI)",
    ),
    "a package without __init__.py": ({"shop/main.py": FASTAPI}, "shop.main:app (FastAPI, ASGI)"),
    "src": ({"src/shop/__init__.py": "", "src/shop/main.py": FASTAPI}, "shop.main:app (FastAPI, ASGI)"),
    "src without a package": ({"src/main.py": FASTAPI}, "main:app (FastAPI, ASGI)"),
    "a directory that its modules are imported from": (
        {
            "backend/main.py": f"import db\nfrom models import User\n{FASTAPI}",
            "backend/db.py": "",
            "backend/models/user.py": "",
        },
        "main:app (FastAPI, ASGI)",
    ),
    "a directory whose name is no identifier": ({"my-service/app.py": FLASK}, "app:app (Flask, WSGI)"),
    "the upper one": ({"app.py": FLASK, "admin/app.py": FASTAPI}, "app:app (Flask, WSGI)"),
    "not the tests' one": (
        {"tests/app.py": FASTAPI, "test_app.py": FASTAPI, "web/api.py": FLASK},
        "web.api:app (Flask, WSGI)",
    ),
    "the usual name": ({"app.py": f"{FASTAPI}\nadmin = FastAPI()\n"}, "app:app (FastAPI, ASGI)"),
    "Chinese names": ({"商店/应用.py": FASTAPI.replace("app =", "应用 =")}, "商店.应用:应用 (FastAPI, ASGI)"),
    "Django": (
        {"manage.py": MANAGE, "mysite/__init__.py": "", "mysite/wsgi.py": WSGI, "mysite/asgi.py": ASGI},
        "mysite.wsgi:application (Django, WSGI)",
    ),
    "Django in a directory": (
        {"backend/manage.py": MANAGE, "backend/mysite/__init__.py": "", "backend/mysite/wsgi.py": WSGI},
        "mysite.wsgi:application (Django, WSGI)",
    ),
    "Django with a wrapping": (
        {
            "wsgi.py": "from whitenoise import WhiteNoise\n"
            + WSGI.replace("get_wsgi_application()", "WhiteNoise(get_wsgi_application())")
        },
        "wsgi:application (Django, WSGI)",
    ),
    "Django without wsgi.py": ({"manage.py": MANAGE, "mysite/settings.py": ""}, "mysite.settings (Django, WSGI)"),
    "a WSGI function": ({"app.py": "def site(environ, start_response):\n    return []\n"}, "app:site (WSGI)"),
    "an ASGI function": ({"app.py": "async def site(scope, receive, send):\n    pass\n"}, "app:site (ASGI)"),
    "an unknown framework": ({"app.py": "from unknown import Web\n\nnumber = 1\napp = Web()\n"}, "app:app"),
}


@pytest.mark.parametrize(("files", "expected"), PROJECTS.values(), ids=PROJECTS)
def test_the_app_is_found(project, files, expected):
    project.write(files)
    assert str(find_app(project.directory).app) == expected


def test_what_is_no_part_of_the_project_is_not_looked_at(project):
    foreign = [".hidden", "node_modules", "environment", "python", "build"]
    project.write({f"{name}/app.py": FLASK for name in foreign})
    project.write({"environment/pyvenv.cfg": "", "python/flask-3.0.dist-info/METADATA": "", "shop/web.py": FASTAPI})
    found = find_app(project.directory)
    assert (found.app.name, found.notes) == ("shop.web:app", [])


def test_a_link_to_nothing_is_passed_over(project):
    project.write({"app.py": FLASK})
    (project.directory / "main.py").symlink_to("nowhere.py")
    assert find_app(project.directory).app.name == "app:app"


def test_other_apps_are_told(project):
    project.write({"app.py": FLASK, "admin/app.py": FASTAPI, "tests/app.py": FASTAPI})
    assert find_app(project.directory).notes == [
        "there are other apps, for --app to name: admin.app:app (FastAPI, ASGI)"
    ]


NOT_MADE = {
    "nothing": {},
    "no app": {"app.py": "import os\nfrom flask import jsonify\nx = y = 1\nx.app = 2\napp, api = 1, 2\n"},
    "a function": {"main.py": "def main(arguments):\n    pass\n"},
    "a script": {"app.py": f"if __name__ == '__main__':\n    {FLASK.splitlines()[2]}\n"},
    "a name that stands for itself": {"app.py": "from flask import *\nfrom app import app\napp = app\nsite = make()\n"},
    "a fixture": {"web.py": "@pytest.fixture\n" + FACTORY.split("\n\n")[1]},
    "a private one": {"web.py": FLASK.replace("app =", "_app =")},
    "a handler": {
        "web.py": f"import fc_adapter\n{FACTORY}".replace("def create", "def _create")
        + "handler = fc_adapter.wrap(_create_app())\n"
    },
    "a class without a framework": {
        "web.py": "import flask\nclass Web(object):\n    pass\nweb = Web()\nx = (lambda: 1)()\n"
    },
    "a function that returns nothing": {
        "web.py": "import flask\ndef go():\n    if x:\n        return\n    return 1, 2\n"
    },
    "a Django script": {"manage.py": "import django\nsetdefault('DJANGO_SETTINGS_MODULE')\nsetdefault()\n"},
}


@pytest.mark.parametrize("files", NOT_MADE.values(), ids=NOT_MADE)
def test_what_is_no_app_is_not_found(project, files):
    project.write(files)
    with pytest.raises(ConfigError, match=r"^found no WSGI or ASGI app in .*name yours: fc-adapter init --app"):
        find_app(project.directory)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("from flask import Flask\napp = Flask(\n", r"app\.py, line 2: "),
        (b"# flask\0", r"app\.py, .*null bytes"),
        ("import flask\nx = " + "-" * 100_000 + "1", r"app\.py, .*too complex to parse"),
        (b"# coding: nonsense\n# flask", r"app\.py, .*nonsense"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(project, source, problem):
    project.write({"app.py": source})
    with pytest.raises(ConfigError, match=f"\n  cannot read {problem}"):
        find_app(project.directory)
    project.write({"main.py": FASTAPI})
    found = find_app(project.directory)
    assert found.app.name == "main:app"
    assert len(found.notes) == 1


def test_a_file_whose_name_is_no_module_is_named(project):
    project.write({"my-app.py": FLASK})
    with pytest.raises(ConfigError, match=r"\n  cannot read my-app\.py as a module: rename the file"):
        find_app(project.directory)


def test_a_package_that_is_the_directory_itself_is_named(project):
    project.write({"__init__.py": FLASK})
    with pytest.raises(ConfigError, match=r"__init__\.py as a module"):
        find_app(project.directory)


def test_equals_are_listed(project):
    project.write({"shop/app.py": FLASK, "blog/app.py": FASTAPI})
    with pytest.raises(ConfigError) as caught:
        find_app(project.directory)
    assert str(caught.value).splitlines() == [
        "found several apps; name one of them:",
        "  --app blog.app:app (FastAPI, ASGI)",
        "  --app shop.app:app (Flask, WSGI)",
    ]


@pytest.mark.parametrize(
    ("signature", "objection"),
    [
        ("def create_app(config, *, name)", "it must be given config, name"),
        ("def create_app(config, /, debug=False)", "it must be given config"),
        ("async def create_app()", "it is a coroutine function"),
    ],
)
def test_a_factory_that_cannot_just_be_called_is_explained(project, signature, objection):
    project.write({"shop.py": FACTORY.replace("def create_app()", signature)})
    with pytest.raises(ConfigError) as caught:
        find_app(project.directory)
    assert str(caught.value) == (
        f"shop:create_app() makes the app, but {objection}. Call it in a module of your own, such as wsgi.py with "
        "app = create_app(...), and run: fc-adapter init --app wsgi:app"
    )


# ---- a name that the user gives --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop.app:app", "shop.app:app (Flask, WSGI)"),
        ("shop.app:make()", "shop.app:make()"),
        ("shop.app:made", "shop.app:made"),
        ("shop.app:os", "shop.app:os"),
        ("core:anything", "core:anything"),
        ("web:app", "web:app (FastAPI, ASGI)"),
    ],
)
def test_the_named_app_is_taken(project, name, expected):
    project.write({"shop/app.py": f"import os\n{FLASK}\nmake = made = unknown()\n", "src/web.py": FASTAPI})
    project.write({"core.py": "from unknown import *\n", "main.py": FASTAPI})
    assert str(find_app(project.directory, name).app) == expected


def test_an_installed_app_is_taken(project, monkeypatch, tmp_path):
    site = tmp_path / "site"
    info = site / "the_shop-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "installed_shop.py").write_text(FLASK)
    (site / "unowned_shop.py").write_text(FLASK)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: the-shop\nVersion: 1.0\n")
    (info / "RECORD").write_text("installed_shop.py,,\nthe_shop-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(site))
    app = find_app(project.directory, "installed_shop:app").app
    assert (str(app), app.package, app.root) == ("installed_shop:app (Flask, WSGI)", "the-shop", project.directory)
    assert find_app(project.directory, "unowned_shop:app").app.package == "unowned_shop"
    assert "installed_shop" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("app", r"--app is such as shop\.app:app or shop:create_app\(\), got 'app'"),
        ("a-b:app", "--app is such as"),
        ("app:app.wsgi", "--app is such as"),
        ("nowhere_at_all:app", "there is no module 'nowhere_at_all' in .*shop, and none is installed here"),
        ("app:web", r"app\.py has no 'web'; it has: app, Shop$"),
        ("empty:web", r"empty\.py has no 'web'; it has: nothing"),
        (
            "app:Shop",
            r"app:Shop is a class; make an app of it in a module of your own, such as wsgi\.py, and name that",
        ),
        ("broken:app", r"cannot read .*broken\.py, line 1: "),
    ],
)
def test_a_name_that_leads_nowhere_is_explained(project, name, message):
    project.write({"app.py": f"{FLASK}_x = 1\nclass Shop:\n    pass\n", "empty.py": "", "broken.py": "import\n"})
    with pytest.raises(ConfigError, match=message):
        find_app(project.directory, name)
