"""Whether the template holds what should not be in a repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .findings import Finding
from .project import Project

# The form of an AccessKey ID, and the head line of a key in PEM format.
_KEY = re.compile(r"\bLTAI[0-9A-Za-z]{12,26}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_URL_WITH_PASSWORD = re.compile(r"://[^/@:\s]*:[^/@\s]+@")
_VARIABLE = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = {
    *("secret", "password", "passwd", "passphrase", "pwd", "token", "credential", "credentials", "sk"),
    *("apikey", "accesskey", "privatekey", "secretkey"),
}
_SECRET_PAIRS = {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("signing", "key")}
# A name that ends so says something of a secret: how long it is, where it is asked for.
_HARMLESS_ENDS = {
    *("address", "age", "alg", "algorithm", "audience", "backend", "class", "count", "days", "dir", "domain"),
    *("enabled", "endpoint", "expiration", "expire", "expires", "expiry", "field", "file", "format", "hasher"),
    *("hashers", "header", "host", "hours", "id", "issuer", "length", "lifetime", "limit", "max", "min", "minutes"),
    *("mode", "name", "params", "path", "policy", "prefix", "property", "regex", "required", "rules", "scheme"),
    *("scope", "scopes", "seconds", "size", "store", "timeout", "ttl", "type", "uri", "url", "validator"),
    *("validators", "version"),
}


def check_secrets(project: Project) -> Iterator[Finding]:
    """Whether the template holds secrets, in its variables or its ``vars``. Their values are not shown."""
    template = project.template
    if _KEY.search(json.dumps(template.document, default=str)):
        yield Finding(
            "error",
            "secrets",
            f"{template.path} holds an AccessKey ID or a private key",
            "whoever reads the repository can use it",
            "revoke it; give the function a role instead (role: acs:ram::...), whose keys it gets in its environment",
        )
    variables = template.written.get("environmentVariables")
    names = [name for name, value in _leaves(variables, "") if _is_secret(name, value)]
    names += [name for name, value in _leaves(template.document.get("vars"), "vars") if _is_secret(name, value)]
    if names:
        variable = names[0].rpartition(".")[2]
        yield Finding(
            "warning",
            "secrets",
            f"{template.path} holds the values of {', '.join(names)}",
            "whoever reads the repository reads them, too",
            f"take them from the shell that deploys: {variable}: ${{env('{variable}')}}",
        )


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{name}[{number}]")
    else:
        yield name, value


def _is_secret(name: str, value: Any) -> bool:
    """Whether a variable's value is a secret, as far as its name and its form tell."""
    if not isinstance(value, str):
        return False
    literal = _VARIABLE.sub("", value).strip()
    if _URL_WITH_PASSWORD.search(literal):
        return True
    # A number, a flag, a word in a sentence or an address is no secret, whatever its name says.
    if len(literal) < 4 or literal.isdecimal() or literal.lower() in {"true", "false", "none", "null"}:
        return False
    if _URL.match(literal) or literal.startswith(("/", "./")):
        return False
    words = [word.lower() for word in _WORD.findall(name.rpartition(".")[2])]
    named = bool(_SECRET_WORDS & set(words)) or any(pair in _SECRET_PAIRS for pair in zip(words, words[1:]))
    return named and words[-1] not in _HARMLESS_ENDS
