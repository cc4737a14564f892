"""``s.yaml``: what the runner takes from it, and what it says about one that it cannot use."""

from __future__ import annotations

import argparse
import sys
import time

import pytest

from fc_adapter.cli import run
from fc_adapter.config import options as configure
from fc_adapter.config.function import METHODS, Hook
from fc_adapter.config.runtimes import RUNTIMES, Runtime
from fc_adapter.config.target import Target
from fc_adapter.config.template import read_template
from fc_adapter.errors import ConfigError
from tests.support.server import PATIENCE

RUNTIME = "python3.10"

TEMPLATE = """
edition: 3.0.0
name: web-app
access: default
vars:
  region: cn-shanghai
  size: 256
  stage: ${env('STAGE', 'dev')}
  nested: {name: "web-${vars.stage}"}
resources:
  web:
    component: fc3
    props:
      region: ${vars.region}
      functionName: ${vars.nested.name}
      runtime: %s
      code: ./code
      handler: index.handler
      memorySize: ${vars.size}
      timeout: 30
      environmentVariables: {KEY: "a ${env(SECRET)} b", NUMBER: 7, FLAG: true, NONE: , OTHER: "${this.is.not.known}"}
      instanceLifecycleConfig:
        initializer: {handler: index.initialize, timeout: 10}
        preStop: {handler: index.pre_stop}
      triggers:
        - triggerName: timer
          triggerType: timer
        - triggerName: httpTrigger
          triggerType: http
          qualifier: LATEST
          triggerConfig: {authType: anonymous, methods: [GET, POST], disableURLInternet: false}
"""


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Write a template and read it: ``template(text, **options)``."""
    monkeypatch.delenv("STAGE", raising=False)

    def read(text, **options):
        path = tmp_path / "s.yaml"
        path.write_text(text)
        return read_template(path, **options).function

    return read


def test_whole_template(template, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "s3")
    function = template(TEMPLATE % "python3.12")
    assert (function.handler.directory, function.label) == (tmp_path / "code", "index.handler")
    assert (function.name, function.region, function.runtime) == ("web-dev", "cn-shanghai", (3, 12))
    assert (function.memory, function.timeout, function.methods) == (256, 30, ("GET", "POST"))
    assert function.environment == {
        "KEY": "a s3 b",
        "NUMBER": "7",
        "FLAG": "true",
        "NONE": "",
        "OTHER": "",
    }
    assert (function.initializer, function.pre_stop) == (Hook("index.initialize", 10), Hook("index.pre_stop", 3))


def props(text, *, component="fc3"):
    return f"resources: {{web: {{component: {component}, props: {{{text}}}}}}}"


def test_defaults(template, tmp_path):
    function = template(props("runtime: python3.9, handler: a.b.handler, code: {src: lib}"))
    assert (function.handler.directory, function.handler.module) == (tmp_path / "lib", "a.b")
    assert (function.name, function.region, function.runtime) == ("web", "cn-hangzhou", (3, 9))
    assert (function.memory, function.timeout, function.methods) == (512, 3, METHODS)
    assert (function.environment, function.initializer, function.pre_stop) == ({}, None, None)


@pytest.mark.parametrize("component", ["fc3", "devsapp/fc3", "fc3@0.0.28"])
@pytest.mark.parametrize("code", [".", "null", "{src: .}", "{src: null}"])
def test_spellings(template, tmp_path, component, code):
    text = f"runtime: python3.9, handler: i.h, triggers: [x, {{triggerType: http}}], code: {code}"
    function = template(props(text, component=component))
    assert (function.handler.directory, function.methods) == (tmp_path, METHODS)


def test_environment_variables_in_it(template, monkeypatch):
    monkeypatch.setenv("STAGE", "prod")
    text = props("runtime: python3.9, handler: i.h, environmentVariables: {A: '%s'}")
    for written, expected in (
        ("${env(STAGE)}", "prod"),
        ('${env("STAGE")}', "prod"),
        ("${ env(STAGE, dev) }", "prod"),
        ("${env(NO_SUCH_STAGE, dev)}", "dev"),
        ("${env(NO_SUCH_STAGE)}", ""),
        ("x-${env(STAGE)}-${env(STAGE)}", "x-prod-prod"),
    ):
        assert template(text % written).environment == {"A": expected}


def test_variables_that_are_no_text(tmp_path):
    (tmp_path / "s.yaml").write_text(
        props("runtime: python3.9, handler: i.h, environmentVariables: {A: [x, true], B: {c: 1}, C: y}")
    )
    template = read_template(tmp_path / "s.yaml")
    assert template.function.environment == {"A": '["x", true]', "B": '{"c": 1}', "C": "y"}
    rest = (
        "and a variable is text: here it is JSON, and s deploy refuses it; write that text into the template, in quotes"
    )
    assert [note for note in template.notes if note.startswith("environmentVariables")] == [
        f"environmentVariables.A is a list, {rest}",
        f"environmentVariables.B is a mapping, {rest}",
    ]


def test_a_variable_without_its_end_is_said(tmp_path):
    (tmp_path / "s.yaml").write_text(props("runtime: python3.9, handler: i.h, environmentVariables: {A: '${vars.a'}"))
    template = read_template(tmp_path / "s.yaml")
    assert template.function.environment == {"A": "${vars.a"}
    assert template.unresolved == (
        "${vars.a in environmentVariables.A has no closing brace; it stays as it is: write } at its end",
    )


TWO = """
resources:
  a: {component: fc3, props: {runtime: python3.9, handler: i.a}}
  b: {component: fc3, props: {runtime: python3.9, handler: i.b}}
  c: {component: oss}
"""


def test_one_of_several_functions(template):
    assert template(TWO, resource="b").label == "i.b"


VALID = "runtime: python3.9, handler: i.h"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("[", {}, "cannot read"),
        ("- a", {}, "has no resources"),
        ("resources: 7", {}, "has no resources"),
        ("resources: {}", {}, "has no function: no resource of the component fc3 with props"),
        (TWO, {}, "has several functions; name one with --resource: a, b"),
        (TWO, {"resource": "x"}, "has no function 'x'; name one with --resource: a, b"),
        (props("handler: i.h"), {}, "is missing; expected one of python3.9, python3.10, python3.12"),
        (
            props("runtime: nodejs18, handler: i.h"),
            {},
            "is 'nodejs18'; expected one of python3.9, python3.10, python3.12",
        ),
        (props("runtime: python3.9"), {}, "handler in"),
        (props("runtime: python3.9, handler: index"), {}, "is 'index'; expected such as index.handler"),
        (props(f"{VALID}, timeout: soon"), {}, "timeout in"),
        (props(f"{VALID}, timeout: 0"), {}, "is 0; expected a number above 0"),
        (props(f"{VALID}, memorySize: []"), {}, "memorySize in"),
        (props(f"{VALID}, environmentVariables: [a]"), {}, "expected a mapping"),
        (props(f"{VALID}, triggers: {{a: b}}"), {}, "expected a list"),
        (props(f"{VALID}, instanceLifecycleConfig: {{preStop: x}}"), {}, "preStop in"),
        (props("runtime: '${vars.a.b}', handler: i.h"), {}, "${vars.a.b} is used, but the vars of "),
        ("", {}, "has no resources"),
        (props("runtime: python3.9, handler: i.h, timeout: 0x" + "f" * 5000), {}, "timeout in "),
        (props('runtime: python3.9, handler: i.h, code: "a\\0"'), {}, "s.yaml"),
        (props('runtime: python3.9, handler: i.h, environmentVariables: {"A=B": 1}'), {}, "'A=B' = '1' a variable"),
        (
            props('runtime: python3.9, handler: i.h, environmentVariables: {A: "\\ud800"}'),
            {},
            "no environment can hold",
        ),
        (props('runtime: python3.9, handler: i.h, functionName: "\\0"'), {}, "no environment can hold"),
        ("resources: {1: {component: fc3, props: {}}, 2: {component: fc3, props: {}}}", {}, "--resource: 1, 2"),
        ("vars: {a: '${vars.a}'}\n" + props("runtime: '${vars.a}', handler: i.h"), {}, "refer to themselves"),
        (props(f"{VALID}, code: '${{this.props.code}}'"), {}, "the variables of "),
        (
            props("runtime: python3.9, handler: ./src/index.handler"),
            {},
            "is './src/index.handler', a path; handlers are module.function, relative to code; write src.index.handler",
        ),
        (
            props(f"{VALID}, instanceLifecycleConfig: {{preStop: {{handler: src/i.stop}}}}"),
            {},
            "is 'src/i.stop', a path; handlers are module.function, relative to code; write src.i.stop",
        ),
        (props(f"{VALID}, code: /"), {}, "is '/', the root of this machine's files; name the directory of the code"),
    ],
)
def test_template_that_cannot_be_used(template, text, options, message):
    with pytest.raises(ConfigError) as raised:
        template(text, **options)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))
MERGES = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}]}}" for n in range(1, 10))
DOUBLES = "\n".join(f"  v{n}: '${{vars.v{n - 1}}}${{vars.v{n - 1}}}'" for n in range(1, 60))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a0: &a0 [lol]\n{LAUGHS}\n" + props("runtime: *a9, handler: i.h"), "with its aliases written out"),
        (f"m0: &m0 {{k: v}}\n{MERGES}\n" + props("runtime: python3.9, handler: i.h"), "with its aliases written out"),
        (f"vars:\n  v0: lol\n{DOUBLES}\n" + props("runtime: '${vars.v59}', handler: i.h"), "with its vars written out"),
        (f"vars:\n  v0: ''\n{DOUBLES}\n" + props("runtime: '${vars.v59}', handler: i.h"), "with its vars written out"),
        ("a: &a [*a, *a]\n" + props("runtime: *a, handler: i.h"), "nested too deeply, or an alias contains itself"),
        ("[" * 20_000, "nested too deeply, or an alias contains itself"),
    ],
    ids=["aliases", "merges", "vars", "empty vars", "itself", "depth"],
)
def test_template_that_doubles(template, tmp_path, text, message):
    began = time.process_time()
    with pytest.raises(ConfigError) as raised:
        template(text)
    assert time.process_time() - began < PATIENCE  # written out, each would take hours
    assert message in str(raised.value)
    assert str(tmp_path / "s.yaml") in str(raised.value)


def test_aliases_and_vars_that_are_as_they_should_be(template):
    text = (
        "vars: {a: {b: x}}\nbase: &base {runtime: python3.9, handler: i.h, environmentVariables: {A: '${vars.a.b}'}}\n"
    )
    text += "resources: {f: {component: fc3, props: {<<: *base, timeout: 7}}}"
    function = template(text)
    assert (function.timeout, function.environment, function.label) == (7, {"A": "x"}, "i.h")


def test_a_handler_of_ones_own_beside_a_custom_runtime(tmp_path):
    (tmp_path / "s.yaml").write_text(
        props("runtime: custom.debian12, customRuntimeConfig: {command: [gunicorn, app:app]}")
    )
    read = read_template(tmp_path / "s.yaml", target=Target(tmp_path, "index", "handler"))
    assert read.function.label == "index.handler"
    assert read.notes[-1].startswith("runtime: custom.debian12 starts 'gunicorn app:app', which is not simulated")


def test_an_older_template_without_a_handler_for_python(tmp_path):
    (tmp_path / "s.yaml").write_text("services: {a: {props: {function: {handler: i.h, runtime: nodejs14}}}, b: 7}")
    with pytest.raises(ConfigError, match="or run its handler by itself: fc-adapter serve index:handler"):
        read_template(tmp_path / "s.yaml")


def test_an_env_file_that_is_none_is_said(tmp_path):
    (tmp_path / ".env").write_text("no pair")
    (tmp_path / "s.yaml").write_text(props("runtime: python3.9, handler: i.h, description: '${env(CORPUS, x)}'"))
    assert "is left out: line 1 of " in read_template(tmp_path / "s.yaml").unresolved[0]


def test_template_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_template(tmp_path / "s.yaml")


def test_without_pyyaml(template, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"needs PyYAML: pip install 'fc-adapter\[local\]'"):
        template(TEMPLATE % RUNTIME)


SOURCE = """
import json, os

initialized = []


def initialize(context):
    initialized.append(True)


def pre_stop(context):
    print("stopped in order")


def handler(event, context):
    shape = {name: os.environ.get(name) for name in ("KEY", "NUMBER", "FC_FUNCTION_NAME", "FC_REGION")}
    return {**shape, "memory": context.function.memory, "timeout": context.function.timeout, "init": initialized}


def other(event, context):
    return "other"
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(SOURCE)
    (tmp_path / "s.yaml").write_text(TEMPLATE % RUNTIME)
    return tmp_path


def test_serve_reads_it(serve, project):
    server = serve(None, environment={"SECRET": "from outside"})
    seen = server.get().json
    assert (seen["KEY"], seen["NUMBER"]) == ("a from outside b", "7")
    assert (seen["FC_FUNCTION_NAME"], seen["FC_REGION"]) == ("web-dev", "cn-shanghai")
    assert (seen["memory"], seen["timeout"], seen["init"]) == (256, 30.0, [True])
    assert server.request("PUT", "/").status == 403
    server.stop()
    assert "stopped in order" in server.log


def test_options_override_it(serve, project):
    arguments = ["--timeout", "4", "--memory", "300", "--env", "KEY=mine", "--initializer", "index.pre_stop"]
    seen = serve(None, *arguments, "--template", "s.yaml").get().json
    assert (seen["KEY"], seen["memory"], seen["timeout"], seen["init"]) == ("mine", 300, 4.0, [])


def test_target_beside_a_template(serve, project):
    server = serve(None, "code/index.py:other", "--template", "s.yaml")
    assert server.get().text == "other"
    assert server.request("PUT", "/").status == 403


def test_target_alone_leaves_the_template_out(serve, project):
    server = serve(None, "code/index.py:handler")
    assert server.get().json["NUMBER"] is None
    assert server.request("PUT", "/").status == 200


def test_packages_of_another_python_are_left_out(serve, project):
    other = "python3.9" if sys.version_info[:2] != (3, 9) else "python3.12"
    text = f"runtime: {other}, handler: index.handler, code: code, environmentVariables: {{PYTHONPATH: /code/lib}}"
    (project / "s.yaml").write_text(props(text))
    (project / "code" / "index.py").write_text("import os\ndef handler(e, c): return os.environ.get('PYTHONPATH')")
    assert serve(None, environment={"PYTHONPATH": "/inherited"}).get().text == "/inherited"


@pytest.mark.parametrize(("is_like", "expected"), [(True, {"PYTHONPATH"}), (False, set())])
def test_packages_for_the_platform_are_left_out_on_another_system(project, monkeypatch, is_like, expected):
    here = "python{}.{}".format(*sys.version_info)
    monkeypatch.setitem(RUNTIMES, here, Runtime(sys.version_info[:2], (2, 28), ""))
    text = f"runtime: {here}, handler: index.handler, environmentVariables: {{PYTHONPATH: /code/lib}}"
    (project / "s.yaml").write_text(props(text))
    monkeypatch.setattr(configure, "is_like_platform", lambda: is_like)
    unset = dict.fromkeys(("target", "resource", "runtime", "timeout", "memory", "initializer", "pre_stop"))
    options = argparse.Namespace(template=str(project / "s.yaml"), env=[], env_file=[], **unset)
    assert set(configure.configure(options).environment) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is no s.yaml here; name a handler, such as index:handler, or a --template"),
        (["--template", "nowhere.yaml"], "cannot read nowhere.yaml"),
        (["nowhere/index:handler"], "no directory"),
        (["i:h", "--runtime", "3.10"], "there is no runtime '3.10'; expected one of python3.9, python3.10, python3.12"),
        (["i:h", "--env", "A"], "--env is 'A', expected NAME=value"),
        (["i:h", "--env-file", "nowhere"], "cannot read nowhere"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run(["serve", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("fc-adapter serve: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_a_template_in_another_encoding(tmp_path, encoding):
    (tmp_path / "s.yaml").write_text("description: 商品\n", encoding=encoding)
    with pytest.raises(ConfigError, match=r"s\.yaml: it is not UTF-8, from byte \d+ on; save it with this encoding$"):
        read_template(tmp_path / "s.yaml")
