"""``fc-adapter doctor``: its report, and what it finds in ``s.yaml``."""

from __future__ import annotations

import importlib.util
import json

import pytest
import yaml

from tests.support.shop import HERE, PROPS


def test_a_project_without_fault(shop, command):
    status, out, err = command("doctor", "--strict")
    *notes, summary = out.splitlines()
    assert (status, err, summary) == (0, "", "no errors, no warnings")
    assert [note.split(":")[:2] for note in notes] == [["note", " import"], ["note", " request"], ["note", " size"]]
    assert f"Python {HERE[6:]} imports index from the code alone, in " in notes[0]


def test_the_report_is_for_people(shop, command):
    shop.configure(timeout=3)
    status, out, _ = command("doctor", "--no-import")
    assert status == 0
    assert out.splitlines()[:3] == [
        "warning: timeout: the function may run 3 s",
        "  why: a cold start and a slow first request take longer, and the client gets a 502",
        "  do: set timeout: 30 in s.yaml",
    ]
    assert out.splitlines()[-1] == "no errors, 1 warning"
    assert command("doctor", "--no-import", "--strict")[0] == 1


@pytest.mark.parametrize(("missing", "names"), [({"yaml"}, "yaml"), ({"dotenv", "pathspec"}, "dotenv and pathspec")])
def test_what_it_needs_is_named(shop, command, monkeypatch, missing, names):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find_spec(name))
    status, _, err = command("doctor")
    assert status == 2
    assert err == f"fc-adapter doctor: doctor needs {names}: pip install 'fc-adapter[local]'\n"


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"runtime": "nodejs20"}, "runtime in s.yaml is 'nodejs20'; expected one of python3.9, python3.10, python3.12"),
        ({"runtime": "python3.99"}, "runtime in s.yaml is 'python3.99'; expected one of "),
        ({"code": "./nowhere"}, "code in s.yaml is "),
    ],
)
def test_a_template_that_cannot_be_used(shop, diagnose, props, message):
    shop.configure(**props)
    ((level, check, found),), _ = diagnose()
    assert (level, check) == ("error", "template")
    assert found.startswith(message)


def test_no_template(project, diagnose):
    assert diagnose()[0] == [("error", "template", "there is no s.yaml here")]


def test_one_of_several_functions_of_another_template(shop, diagnose):
    documents = {name: {"component": "fc3", "props": {**PROPS, "timeout": 3}} for name in ("a", "b")}
    shop.project.write({"t.yaml": yaml.safe_dump({"resources": documents})})
    assert diagnose("--template", "t.yaml", "--resource", "b")[0] == [
        ("warning", "timeout", "the function may run 3 s")
    ]


def test_the_default_timeout(shop, diagnose):
    shop.configure(timeout=None)
    assert diagnose()[0] == [("warning", "timeout", "the function may run 3 s, since s.yaml does not say timeout")]


@pytest.mark.parametrize(
    ("hook", "timeout", "expected"),
    [
        ("initializer", 301, ("error", "hooks", "the timeout of initializer is 301 s")),
        ("preStop", 91, ("error", "hooks", "the timeout of preStop is 91 s")),
        ("initializer", None, ("warning", "hooks", "the initializer may run 3 s")),
    ],
)
def test_the_time_of_a_hook(shop, diagnose, hook, timeout, expected):
    hooks = {key: dict(value) for key, value in PROPS["instanceLifecycleConfig"].items()}
    hooks[hook]["timeout"] = timeout
    shop.configure(instanceLifecycleConfig={key: {k: v for k, v in each.items() if v} for key, each in hooks.items()})
    assert diagnose()[0] == [expected]


@pytest.mark.parametrize(
    ("name", "value", "is_found"),
    [
        ("SECRET_KEY", "s3cr3t", True),
        ("db_password", "s3cr3t", True),
        ("DATABASE_URL", "mysql://shop:s3cr3t@db.example.com/shop", True),
        ("DATABASE_URL", "mysql://db.example.com/shop", False),
        ("API_KEY", "${env('SECRET_KEY')}", False),
        ("API_KEY", "", False),
        ("API_KEY", 1, False),
        ("COLOUR", "red", False),
    ],
)
def test_secrets_in_the_template(shop, diagnose, name, value, is_found):
    shop.configure(environmentVariables={"PYTHONPATH": "/code/python", name: value})
    expected = [("warning", "secrets", f"s.yaml holds the values of {name}")] if is_found else []
    found, report = diagnose()
    assert found == expected
    assert "s3cr3t" not in json.dumps(report)


@pytest.mark.parametrize("value", ["LTAI5tAbCdEfGhIjKlMnOpQr", "-----BEGIN RSA PRIVATE KEY-----\nMII"])
def test_keys_in_the_template(shop, diagnose, value):
    shop.configure(description=value)
    assert diagnose()[0] == [("error", "secrets", "s.yaml holds an AccessKey ID or a private key")]
