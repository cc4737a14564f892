"""Servers for the tests of the runner: one for a whole module, or any number for one test."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.server import Server

ECHO = """
import json


def handler(event, context):
    event = json.loads(event)
    body = {"path": event["rawPath"], "query": event["queryParameters"], "headers": event["headers"]}
    body.update(body=event["body"], method=event["requestContext"]["http"]["method"])
    body.update(source=event["requestContext"]["http"]["sourceIp"], request_id=context.request_id)
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}


def answers(event, context):
    \"\"\"Whatever result the request's body describes.\"\"\"
    return json.loads(json.loads(event)["body"])
"""


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory):
    """Start servers that the tests of a module share: ``module_servers(source, *arguments)``, index.py being source."""
    with contextlib.ExitStack() as stack:

        def start(source, *arguments):
            directory = tmp_path_factory.mktemp("code")
            (directory / "index.py").write_text(source)
            return stack.enter_context(Server(*arguments, cwd=directory))

        yield start


@pytest.fixture(scope="module")
def echo(module_servers):
    """A server whose function tells what it got."""
    return module_servers(ECHO, "index:handler")


@pytest.fixture
def serve(tmp_path):
    """Start a server in ``tmp_path``: ``serve(source, *arguments, environment=None)``, index.py being source."""
    with contextlib.ExitStack() as stack:

        def start(source, *arguments, **options):
            if source is not None:
                (tmp_path / "index.py").write_text(source)
            return stack.enter_context(Server(*arguments, cwd=tmp_path, **options))

        yield start
