"""``doctor`` on the properties of ``s.yaml``: names and values that the component's schema does not have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fc_adapter import project
from tests.support.schema import reduce_schema


def test_what_is_shipped_is_what_the_schema_says():
    shipped = json.loads(Path(project.__file__).with_name("props.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(json.dumps(reduce_schema()))


UNKNOWN = "which the component fc3 does not know"
NONE = "is no property of the component fc3"


@pytest.mark.parametrize(
    ("props", "level", "message", "todo"),
    [
        ({"memorySizes": 512}, "warning", f"memorySizes {NONE}; did you mean memorySize?", "call it memorySize"),
        ({"timeOut": 5}, "warning", f"timeOut {NONE}; did you mean timeout?", "call it timeout"),
        ({"colour": "red"}, "warning", f"colour {NONE}", "remove it"),
        ({"logConfig": {"logStore": "a"}}, "warning", f"logConfig.logStore {NONE}", "call it logstore"),
        (
            {"memorySize": 500},
            "error",
            "memorySize is 500; expected a number from 128 to 32768, a multiple of 64",
            "512",
        ),
        ({"memorySize": 9e9}, "error", "memorySize is 9000000000.0; expected a number from 128", "use such as 32768"),
        ({"cpu": 0.01}, "error", "cpu is 0.01; expected a number from 0.05 to 16", "use such as 0.05"),
        (
            {"region": "cn-hangzou"},
            "error",
            f"region is cn-hangzou, {UNKNOWN}; did you mean cn-hangzhou?",
            "cn-hangzhou",
        ),
        (
            {"environmentVariables": {"PYTHONPATH": "/code/python", "SECRET_KEY": "x${env('X', '')}", "HOSTS": ["a"]}},
            "error",
            "environmentVariables.HOSTS is a list; expected text",
            "as JSON, in quotes",
        ),
        (
            {"environmentVariables": {"A": {"b": 1}}},
            "error",
            "environmentVariables.A is a mapping; expected text",
            "JSON",
        ),
        ({"region": "mars-1"}, "warning", f"region is mars-1, {UNKNOWN}", "use one of ap-"),
        (
            {"triggers": [{"triggerType": "htpp"}]},
            "error",
            f"triggers[0].triggerType is htpp, {UNKNOWN}; did you",
            "http",
        ),
    ],
)
def test_what_is_found(shop, diagnose, props, level, message, todo):
    shop.configure(**props)
    found, report = diagnose()
    (each,) = [each for each in found if each[1] == "properties"]
    assert each[0] == level
    assert each[2].startswith(message)
    assert any(todo in each["todo"] for each in report["findings"])


@pytest.mark.parametrize(
    "props",
    [
        {"environmentVariables": {"PYTHONPATH": "/code/python", "anything": "x"}},
        {"vpcConfig": "auto", "logConfig": "auto", "memorySize": "1024", "cpu": "${env('CORPUS_CPU')}"},
        {"region": "{{ region }}", "tags": [{"key": "a", "value": "b"}], "description": "x", "memorySize": []},
        {
            "nasConfig": {
                "userId": 1,
                "groupId": 1,
                "mountPoints": [{"serverAddr": "a", "mountDir": "/mnt", "enableTLS": True}],
            }
        },
    ],
)
def test_what_is_right(shop, diagnose, props):
    shop.configure(**props)
    assert [each for each in diagnose()[0] if each[1] == "properties"] == []
