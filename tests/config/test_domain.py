"""The routes of a custom domain, and rewriting as "Configure a rewrite policy" of the documentation shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fc_adapter.config.domain import read_domain
from fc_adapter.config.template import list_functions, read_domains
from fc_adapter.errors import ConfigError

PATH = Path("s.yaml")


def read_routes(*routes):
    return read_domain({"domainName": "h.example", "routeConfig": {"routes": list(routes)}}, PATH)


def rewrite(path, query="", **rules):
    config = {f"{kind}Rules": [{"match": match, "replacement": to} for match, to in rules[kind]] for kind in rules}
    domain = read_routes({"path": "/*", "functionName": "f", "rewriteConfig": config})
    return domain.routes[0].rewrite(path, query)


@pytest.mark.parametrize(
    ("kind", "match", "replacement", "path", "expected"),
    [
        ("equal", "/old", "/new", "/old", "/new"),
        ("equal", "/old", "/new", "/test/old", None),
        ("equal", "/old", "/new", "/old/", None),
        ("equal", "/serviceName.Qualifier", "/serviceA", "/serviceName.Qualifier", "/serviceA"),
        ("equal", "/路", "/新", "/%E8%B7%AF", "/%E6%96%B0"),
        ("wildcard", "/old", "/new", "/old", "/new"),
        ("wildcard", "/old", "/new", "/test/old", "/new"),
        ("wildcard", "^/old", "/new", "/old", "/new"),
        ("wildcard", "^/old", "/new", "/test/old", None),
        ("wildcard", "/api/*", "/$1", "/api/getFunctionName", "/getFunctionName"),
        ("wildcard", "/api/*", "/$1", "/api/getFunctionName&Version=1", "/getFunctionName&Version=1"),
        ("wildcard", "/css/*", "/public/static/css/$1", "/css/style.css", "/public/static/css/style.css"),
        (
            "wildcard",
            "/ServiceName/*/FunctionName/*/Qualifier/*",
            "/$1.$3/$2",
            "/ServiceName/svc-a/FunctionName/func-a/Qualifier/1",
            "/svc-a.1/func-a",
        ),
        ("wildcard", "/f..c", "/helloworld", "/f..c", "/helloworld"),
        ("wildcard", "/f..c", "/helloworld", "/func", None),
        ("wildcard", "*", "$1/x$2", "/a", "/a/x"),
        ("regex", "^/old/[a-z]+/", "/new", "/old/ab/", "/new"),
        ("regex", "^/old/[a-z]+/", "/new", "/test/a-b/", None),
        ("regex", "^/api/.+?/(.*)", "/api/v2/$1", "/api/v1/test", "/api/v2/test"),
        ("regex", "^/(x)?(y)", "$1$2", "/y", "/y"),
    ],
)
def test_rules_of_the_documentation(kind, match, replacement, path, expected):
    assert rewrite(path, **{kind: [(match, replacement)]}) == (expected or path, "")


def test_only_the_first_rule_that_matches_counts():
    rules = {"regex": [("/a", "/of-regex")], "wildcard": [("/a", "/of-wildcard"), ("/of-wildcard", "/again")]}
    assert rewrite("/a", **rules) == ("/of-wildcard", "")
    assert rewrite("/a", equal=[("/a", "/of-equal")], **rules) == ("/of-equal", "")


def test_query_stays_and_a_rule_may_add_to_it():
    assert rewrite("/a", "x=1", equal=[("/a", "/b")]) == ("/b", "x=1")
    assert rewrite("/a", "x=1", equal=[("/a", "/b?y=2")]) == ("/b", "y=2&x=1")
    assert rewrite("/a", "", equal=[("/a", "/b?y=2")]) == ("/b", "y=2")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/users", "users"),
        ("GET", "/api/users/1", "api"),
        ("GET", "/api/", "api"),
        ("GET", "/api", "rest"),
        ("PUT", "/api/x", "rest"),
        ("GET", "/", "rest"),
    ],
)
def test_route_is_the_exact_one_or_the_longest(method, path, expected):
    domain = read_routes(
        {"path": "/*", "functionName": "rest"},
        {"path": "/api/users", "functionName": "users"},
        {"path": "/api/*", "functionName": "api", "methods": ["get", "POST"]},
    )
    assert domain.find(method, path).function == expected


def test_no_route():
    assert read_routes({"path": "/a", "functionName": "f"}).find("GET", "/b") is None
    assert read_domain({"routeConfig": None}, PATH) == ("auto", (), ())


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ("x", "a route in s.yaml is {}; expected a path such as /api/* and a functionName"),
        ({"path": "/a"}, "expected a path such as"),
        ({"path": "a", "functionName": "f"}, "expected a path such as"),
        (
            {"path": "/*", "functionName": "f", "rewriteConfig": {"regexRules": [{"match": "("}]}},
            "'(' in the regexRules of s.yaml is no regular expression",
        ),
    ],
)
def test_what_is_no_route(route, message):
    with pytest.raises(ConfigError) as caught:
        read_routes(route)
    assert message in str(caught.value)


def test_template(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("""
edition: 3.0.0
resources:
  one: {component: fc3, props: {functionName: shop-one}}
  two: {component: devsapp/fc3@0.1.0, props: {}}
  three: {component: fc3-domain, props: {domainName: h.example, routeConfig: {routes: [
    {path: /*, functionName: "${resources.one.props.functionName}"}]}}}
  four: {component: fc3-domain}
  five: text
""")
    assert list_functions(path) == ["one", "two"]
    [domain] = read_domains(path)
    assert (domain.name, domain.routes[0].function) == ("h.example", "shop-one")


def test_what_is_not_known_in_a_domain_is_named(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("""
resources:
  site: {component: fc3-domain, props: {domainName: "${config('domain')}", routeConfig: {routes: [
    {path: /*, functionName: "{{ name }}"}]}}}
""")
    [domain] = read_domains(path)
    assert domain.name == "auto"
    assert domain.unresolved == (
        "${config('domain')} in domainName comes from the credentials of Serverless Devs (s config), which are not "
        "read here; it is empty here",
        "{{ name }} in routeConfig.routes[0].functionName is a placeholder that nobody has filled in: write a value "
        "into the template",
    )
    path.write_text("""
resources:
  site: {component: fc3-domain, props: {routeConfig: {routes: [{path: "${env('CORPUS_PATH')}", functionName: f}]}}}
""")
    with pytest.raises(ConfigError, match=r"and a functionName; \$\{env\('CORPUS_PATH'\)\} in routeConfig.routes"):
        read_domains(path)
