"""The variables of a template: what becomes of each, and what is said of those that nobody knows here."""

from __future__ import annotations

import time

import pytest

from fc_adapter.config.variables import Resolver

NESTED = "${vars.a}-${env('CORPUS_X', 'y')}"
DOCUMENT = {
    "access": "default",
    "vars": {
        "a": "x",
        "list": ["p", {"q": "r"}],
        "flag": True,
        "map": {"k": 1},
        "nested": "${vars.a}-${env('CORPUS_X', 'y')}",
    },
    "resources": {
        "web": {"component": "fc3", "props": {"code": "code", "name": "shop", "self": "${vars.nested}"}},
        "other": {"component": "oss", "props": {"bucket": "files"}},
        "odd": 7,
    },
}


@pytest.fixture
def resolver(tmp_path):
    return Resolver(DOCUMENT, tmp_path / "s.yaml", "web")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${vars.list.1.q}", "r"),
        ("${vars.list}", ["p", {"q": "r"}]),
        ("is ${vars.flag}, ${vars.map}", 'is true, {"k": 1}'),
        ("${vars.nested}", "x-y"),
        ("${this.props.self}", "x-y"),
        ("${this.component}:${this.name}:${this.access}", "fc3:web:default"),
        ("${resources.other.props.bucket} ${other.props.bucket}", "files files"),
        ("${ 1.5 } ${-2} ${true} ${null}|", "1.5 -2 true |"),
        ("${env('CORPUS_NO') || env('CORPUS_NOR') || 'c'}", "c"),
        ("${'' || 'b' || 'c'}", "b"),
        ("${'a' || env('CORPUS_NO')}", "a"),
        ("${'a' + 1 + vars.a}", "a1x"),
        ("${format('%s-%d-{0}-{7}-%s', 'a', 2)}", "a-2-a-{7}-%s"),
        ("${json('{\"a\": [1]}')}", {"a": [1]}),
        ("$vars.a ${", "$vars.a ${"),
        ("${vars.a} ${", "x ${"),
    ],
)
def test_what_is_known(resolver, text, value):
    assert resolver.resolve(text) == value
    assert resolver.notes == []


def test_paths_are_those_beside_the_template(resolver, tmp_path):
    assert resolver.resolve("${path('../x')}") == str(tmp_path.parent / "x")
    assert resolver.resolve("${path()}") == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${config('AccountID')}", "comes from the credentials of Serverless Devs (s config), which are not read here"),
        ("${config(AccountID)}", "comes from the credentials of Serverless Devs (s config), which are not read here"),
        ("${resources.other.output.url}", "is known after a deployment only"),
        ("${resources.nobody.props.x}", "is not known here"),
        ("${resources}", "is not known here"),
        ("${env}", "is not known here"),
        ("${odd.props.x}", "is not known here"),
        ("${this.nothing}", "names nothing that this resource has"),
        ("${vars.flag ? 1 : 2}", "is an expression that only Serverless Devs can evaluate"),
        ("${'a' 'b'}", "is an expression that only Serverless Devs can evaluate"),
        ("${env('A'}", "is an expression that only Serverless Devs can evaluate"),
        ("${}", "is an expression that only Serverless Devs can evaluate"),
        ("${+}", "is an expression that only Serverless Devs can evaluate"),
        ("${env('CORPUS_NO')}", "is not set: there is no variable CORPUS_NO in this shell, nor in a .env file"),
        ("${env('\ud800')}", "is not set: there is no variable \ud800 in this shell, nor in a .env file"),
        ("${env(1)}", "gives env() 1 values, which it does not take"),
        ("${env()}", "gives env() 0 values, which it does not take"),
        ("${json('[')}", "is no JSON: Expecting value: line 1 column 2 (char 1)"),
        ("${upper('a')}", "uses upper(), which is not known here"),
        ("${file('\0')}", "cannot be read: embedded null byte"),
        ("{{ region }}", "is a placeholder that nobody has filled in"),
    ],
)
def test_what_is_not_known_is_a_note(resolver, text, reason):
    resolver.resolve({"environmentVariables": [text]})
    assert resolver.notes == [(text, "environmentVariables[0]", reason)]


@pytest.mark.parametrize(
    ("text", "value", "noted"),
    [
        ("${vars.a", "${vars.a", "${vars.a"),
        ("${vars.a}-${ env('B')\n", "x-${ env('B')\n", "${ env('B')"),
        ("${'b' ${vars.a}", "${'b' x", "${'b'"),
    ],
)
def test_one_without_its_end_is_a_note(resolver, text, value, noted):
    assert resolver.resolve({"timeout": text}) == {"timeout": value}
    assert resolver.notes == [(noted, "timeout", "has no closing brace")]


def test_each_is_noted_once(resolver):
    assert resolver.resolve({"a": "${x} ${x}"}) == {"a": " "}
    assert len(resolver.notes) == 1


def test_the_shell_wins_over_files_and_the_code_s_file_over_the_other(resolver, tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / ".env").write_text("A=code\nB=code\n")
    (tmp_path / ".env").write_text("A=beside\nB=beside\nC=beside\n")
    monkeypatch.setenv("A", "shell")
    assert resolver.resolve("${env.A} ${env.B} ${env.C}") == "shell code beside"


def test_a_file_that_is_none_is_left_out(resolver, tmp_path):
    (tmp_path / ".env").write_text("no pair\n")
    assert resolver.resolve("${env('CORPUS_NO', 'default')}") == "default"
    ((text, place, reason),) = resolver.notes
    assert (text, place) == (str(tmp_path / ".env"), "")
    assert reason.startswith("is left out: line 1 of ")


def test_what_the_file_itself_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "s3cr3t")
    resolver = Resolver(DOCUMENT, tmp_path / "s.yaml", "web", asks_environment=False)
    text = "${vars.a} ${env.SECRET} ${env('SECRET')} ${json(file('x'))} ${vars.nested}"
    assert resolver.resolve(text) == "x ${env.SECRET} ${env('SECRET')} ${json(file('x'))} x-${env('CORPUS_X', 'y')}"


TEXTS = ["${" * 50_000, "${a" + "{}" * 50_000, "{{" * 50_000, "${'" + "a" * 100_000, "${a}" * 20_000]
TEXTS += ["${" + "a||" * 3_000 + "}", "${" + "a(" * 400 + "}", "${" + "a(" * 5_000 + "}"]


def test_a_long_text_takes_no_longer_than_it_is_long(resolver):
    began = time.process_time()
    for text in TEXTS:
        resolver.resolve(text)
    assert time.process_time() - began < 5
