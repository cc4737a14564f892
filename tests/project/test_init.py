"""``fc-adapter init``: what it writes, and what it leaves alone."""

from __future__ import annotations

import importlib.util
import json

import jsonschema
import pytest
import yaml

from fc_adapter.config import runtimes
from fc_adapter.config.runtimes import RUNTIMES
from tests.conftest import SCHEMA, with_domain
from tests.project.test_find_app import FACTORY, FASTAPI, FLASK, MANAGE


def props_of(project):
    """The function that s.yaml describes, after the component's own schema has been asked."""
    document = yaml.safe_load(project.read("s.yaml"))
    (resource,) = document["resources"].values()
    assert (document["edition"], resource["component"]) == ("3.0.0", "fc3")
    jsonschema.validate(resource["props"], json.loads(SCHEMA.read_text(encoding="utf-8")), jsonschema.Draft7Validator)
    return resource["props"]


def test_an_asgi_app_gets_an_entry_with_hooks(project, command):
    project.write({"main.py": FASTAPI, "requirements.txt": "fastapi\n"})
    status, out, err = command("init", "--runtime", "python3.10", "--name", "my_shop", "--region", "cn-shanghai")
    assert (status, err) == (0, "")
    assert out == (
        "found main:app (FastAPI, ASGI)\nwrote       index.py\nwrote       s.yaml\nwrote       .fcignore\n"
        "next, here:\n  fc-adapter serve\nand in the cloud:\n  fc-adapter build && fc-adapter doctor && s deploy\n"
    )
    assert project.read("index.py") == (
        '"""The entry that s.yaml names: Function Compute calls ``index.handler``."""\n\n'
        'import fc_adapter\n\nhandler = fc_adapter.wrap("main:app")\n'
        "initialize = handler.initialize  # Initializer hook: the app's startup\n"
        "pre_stop = handler.pre_stop  # PreStop hook: its shutdown\n"
    )
    props = props_of(project)
    assert (props["functionName"], props["region"], props["runtime"]) == ("my_shop", "cn-shanghai", "python3.10")
    assert (props["handler"], props["code"]) == ("index.handler", ".")
    assert {name: hook["handler"] for name, hook in props["instanceLifecycleConfig"].items()} == {
        "initializer": "index.initialize",
        "preStop": "index.pre_stop",
    }
    assert [trigger["triggerType"] for trigger in props["triggers"]] == ["http"]
    assert "/.venv\n" in project.read(".fcignore")


def test_a_wsgi_app_gets_an_entry_without_hooks(project, command):
    project.write({"app.py": FLASK})
    assert command("init")[0] == 0
    assert project.read("index.py").endswith('\n\nimport fc_adapter\n\nhandler = fc_adapter.wrap("app:app")\n')
    assert "instanceLifecycleConfig" not in props_of(project)


def test_lists_that_the_app_reads_by_hand_are_named(project, command):
    project.write({"app.py": FLASK, "pages.py": "def index(request):\n    return request.args.getlist('标签')\n"})
    assert command("init")[0] == 0
    assert 'handler = fc_adapter.wrap("app:app", split_query=["标签"])\n' in project.read("index.py")


@pytest.mark.parametrize(
    "app",
    [
        "from django.core.asgi import get_asgi_application\napp = get_asgi_application()\n",
        "from channels.routing import ProtocolTypeRouter\nimport django\napp = ProtocolTypeRouter({})\n",
        "import flask\nfrom somewhere import make_app\napp = make_app(flask)\n",
    ],
)
def test_an_app_without_a_known_lifespan_gets_none(project, command, app):
    project.write({"app.py": app})
    assert command("init", "--app", "app:app")[0] == 0
    assert "initialize" not in project.read("index.py")
    assert "instanceLifecycleConfig" not in props_of(project)


def test_the_domain_in_the_comment_is_a_resource(project, command):
    project.write({"app.py": FLASK})
    command("init")
    resources = yaml.safe_load(with_domain(project.read("s.yaml")))["resources"]
    assert resources["domain"]["component"] == "fc3-domain"
    assert resources["domain"]["props"]["routeConfig"]["routes"][0]["functionName"] == "shop"


ENTRIES = {
    "a factory": (
        {"web.py": FACTORY},
        "import fc_adapter\nfrom web import create_app\n\nhandler = fc_adapter.wrap(create_app())\n",
    ),
    "src": (
        {"src/shop/__init__.py": FLASK},
        "import os\nimport sys\n\nimport fc_adapter\n\n"
        'sys.path.insert(0, os.path.join(os.path.dirname(__file__), "src"))\nhandler = fc_adapter.wrap("shop:app")\n',
    ),
    "a factory in src": (
        {"src/shop/__init__.py": FACTORY},
        "import os\nimport sys\n\nimport fc_adapter\n\n"
        'sys.path.insert(0, os.path.join(os.path.dirname(__file__), "src"))\n\n'
        "from shop import create_app  # noqa: E402\n\nhandler = fc_adapter.wrap(create_app())\n",
    ),
    "a Django site without wsgi.py": (
        {"manage.py": MANAGE},
        "import os\n\nimport fc_adapter\nfrom django.core.wsgi import get_wsgi_application\n\n"
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n'
        "handler = fc_adapter.wrap(get_wsgi_application())\n",
    ),
    "a Django site in a directory, without wsgi.py": (
        {"后端/manage.py": MANAGE},
        "import os\nimport sys\n\nimport fc_adapter\nfrom django.core.wsgi import get_wsgi_application\n\n"
        'sys.path.insert(0, os.path.join(os.path.dirname(__file__), "后端"))\n'
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n'
        "handler = fc_adapter.wrap(get_wsgi_application())\n",
    ),
}


@pytest.mark.parametrize(("files", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_the_entry_imports_the_app_from_where_it_is(project, command, files, expected):
    project.write(files)
    assert command("init")[0] == 0
    assert project.read("index.py").split('"""\n\n')[1] == expected


def test_a_dry_run_writes_nothing(project, command):
    project.write({"app.py": FLASK})
    status, out, _ = command("init", "--dry-run")
    assert (status, project.files()) == (0, ["app.py"])
    assert 'would write index.py:\n"""The entry' in out
    assert "would write s.yaml:\n# For Serverless Devs" in out


def test_what_is_there_stays(project, command):
    files = {"app.py": FLASK, "s.yaml": "mine: true\n", ".fcignore": "mine\n"}
    project.write(files)
    _, out, _ = command("init")
    assert "left alone  s.yaml, which was there\nleft alone  .fcignore, which was there\n" in out
    assert "note: see to it that s.yaml says handler: index.handler\n" in out
    assert {name: project.read(name) for name in files} == files


OTHERS = {
    "function compute 2.0": (
        "s.yaml",
        "services: {a: {component: fc, props: {}}}",
        "is a template of Function Compute",
    ),
    "a custom runtime": (
        "s.yml",
        "resources: {web: {component: fc3, props: {runtime: custom.debian10, handler: index.handler}}}",
        "'custom.debian10': it starts a server of its own",
    ),
}


@pytest.mark.parametrize(("template", "text", "problem"), OTHERS.values(), ids=OTHERS)
def test_a_template_without_a_handler_is_called_that(project, command, template, text, problem):
    project.write({"app.py": FLASK, template: text})
    _, out, _ = command("init")
    assert f"left alone  {template}, which was there\n" in out
    assert problem in out
    assert f"; to deploy with index.handler, move {template} away and run init again\n" in out
    assert out.endswith(
        f"next, here:\n  fc-adapter serve index:handler\nand in the cloud, once {template} describes this function:\n"
        "  fc-adapter build && fc-adapter doctor && s deploy\n"
    )
    assert project.files() == [".fcignore", "app.py", "index.py", "requirements.txt", template]
    (project.directory / template).unlink()
    command("init")
    assert props_of(project)["handler"] == "index.handler"


def test_a_template_of_several_functions_stays(project, command):
    function = "{component: fc3, props: {runtime: python3.10, handler: index.handler}}"
    project.write({"app.py": FLASK, "s.yaml": f"resources: {{a: {function}, b: {function}}}"})
    assert "note: see to it that s.yaml says handler: index.handler\n" in command("init")[1]


def test_a_link_to_nothing_stays(project, command):
    project.write({"app.py": FLASK})
    (project.directory / "s.yaml").symlink_to("nowhere")
    assert "left alone  s.yaml" in command("init")[1]


def test_a_handler_stays_and_is_named(project, command):
    entry = "import fc_adapter\nfrom somewhere import app\n\nhandler = fc_adapter.wrap(app)\n"
    project.write({"index.py": entry})
    _, out, _ = command("init", "--app", "app:app")
    assert out.startswith("left alone  index.py, which has a handler\nwrote       requirements.txt\nwrote       s.")
    assert "note: --app is for a new entry, and this one stays as it is\n" in out
    assert project.read("index.py") == entry
    assert "instanceLifecycleConfig" not in props_of(project)


def test_a_second_run_changes_nothing(project, command):
    project.write({"main.py": FASTAPI})
    command("init")
    files = {name: project.read(name) for name in project.files()}
    (project.directory / "s.yaml").unlink()
    assert command("init")[0] == 0
    assert "initializer" in props_of(project)["instanceLifecycleConfig"]
    assert {name: project.read(name) for name in project.files()}.keys() == files.keys()


def test_an_index_that_is_the_app_gets_another_entry(project, command):
    project.write({"index.py": FLASK})
    command("init")
    assert 'handler = fc_adapter.wrap("index:app")' in project.read("fc_index.py")
    assert props_of(project)["handler"] == "fc_index.handler"
    assert "left alone  fc_index.py" in command("init")[1]


def test_a_package_called_index_gets_another_entry(project, command):
    project.write({"index/__init__.py": FLASK})
    command("init")
    assert 'handler = fc_adapter.wrap("index:app")' in project.read("fc_index.py")


def test_no_name_is_left_for_an_entry(project, command):
    project.write({"index.py": FLASK, "fc_index.py": ""})
    status, out, err = command("init")
    assert (status, out) == (2, "found index:app (Flask, WSGI)\n")
    assert err.startswith("fc-adapter init: index and fc_index are taken, and have no handler; write one: handler = ")


@pytest.mark.parametrize(
    ("directory", "name"),
    [("my shop.v2", "my-shop-v2"), ("商店", "web"), ("2024-app", "web-2024-app"), ("_x", "_x"), ("a" * 80, "a" * 63)],
)
def test_the_function_is_called_as_the_directory(project, command, monkeypatch, directory, name):
    project.write({f"{directory}/app.py": FLASK})
    monkeypatch.chdir(project.directory / directory)
    command("init")
    project.directory /= directory
    assert props_of(project)["functionName"] == name


def test_a_name_that_yaml_takes_for_something_else_is_quoted(project, command):
    project.write({"app.py": FLASK})
    command("init", "--name", "on")
    assert props_of(project)["functionName"] == "on"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "商店"], "--name is a letter or _, then up to 63 letters, digits, _ and -; got '商店'"),
        (["--region", "hangzhou"], "--region is such as cn-hangzhou; got 'hangzhou'"),
        (
            ["--runtime", "python3.11"],
            "there is no runtime 'python3.11'; expected one of python3.9, python3.10, python3.12",
        ),
        ([], "found no WSGI or ASGI app in "),
    ],
)
def test_what_cannot_be_used_is_explained(project, command, arguments, message):
    status, _, err = command("init", *arguments)
    assert status == 2
    assert err.startswith(f"fc-adapter init: {message}")
    assert project.files() == []


def test_without_pyyaml_it_is_named(project, command, monkeypatch):
    project.write({"app.py": FLASK})
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "yaml" else find_spec(name))
    _, out, _ = command("init")
    assert "note: serve, build and doctor read s.yaml with PyYAML: pip install 'fc-adapter[local]'\n" in out


@pytest.mark.parametrize(
    ("here", "expected"),
    [((3, 9), "python3.9"), ((3, 10), "python3.10"), ((3, 11), "python3.12"), ((3, 13), "python3.12")],
)
def test_the_runtime_is_no_older_than_this_python_where_there_is_one(monkeypatch, here, expected):
    monkeypatch.setattr(runtimes.sys, "version_info", here)
    assert runtimes.default_runtime() is RUNTIMES[expected]


def test_deploying_builds(project, command):
    project.write({"app.py": FLASK})
    command("init")
    (resource,) = yaml.safe_load(project.read("s.yaml"))["resources"].values()
    assert resource["actions"] == {"pre-deploy": [{"run": "fc-adapter build", "path": "./"}]}
    assert "From a mirror, as in mainland China, it\n        # is fc-adapter build --index-url URL" in project.read(
        "s.yaml"
    )
    assert {"/.fc-build", "/python/.fc-adapter.json", "/python/bin"} <= set(project.read(".fcignore").splitlines())


# ---- what the project requires ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [{"requirements.txt": "flask\n"}, {"pyproject.toml": "[project]\nname = 'x'\n"}],
    ids=lambda files: next(iter(files)),
)
def test_requirements_that_are_written_down_stay(project, command, files):
    project.write({"app.py": FLASK, **files})
    _, out, _ = command("init")
    assert "requirements.txt" not in out
    assert sorted([*files, ".fcignore", "app.py", "index.py", "s.yaml"]) == project.files()


@pytest.mark.parametrize("files", [{}, {"pyproject.toml": "[tool.ruff]\n"}], ids=["nothing", "a table of another tool"])
def test_requirements_are_written_where_there_are_none(project, command, files):
    project.write({"app.py": FLASK, **files})
    _, out, _ = command("init")
    assert project.read("requirements.txt") == "flask\nfc-adapter\n"
    assert "note: list in requirements.txt what else the app needs\n" in out


def test_requirements_of_a_handler_that_is_there(project, command):
    project.write({"index.py": "handler = print\n"})
    command("init")
    assert project.read("requirements.txt") == "fc-adapter\n"
