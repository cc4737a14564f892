"""The examples as they are deployed: their code with their packages beside it, and nothing else on the path.

No network is needed: the packages are those that the tests run with, chosen as an installer does, by requirements and
their markers. What a real build for another Python gives, ``tests.support.bundle`` tells after it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import fc_adapter
from fc_adapter.cli import run
from fc_adapter.config.runtimes import RUNTIMES, Runtime
from tests.conftest import HTTP_EVENTS, dump, make_event, read_event
from tests.support import bundle
from tests.support.bundle import run_code
from tests.test_examples import EXAMPLES

HERE = "python{}.{}".format(*sys.version_info)


# Those of Django that the example and its errors are shown in. To copy and remove all of them is most of the work.
LANGUAGES = {"en", "zh_Hans"}


def locales(file):
    """The language that a file of a package is for, if it is for one: of ``conf/locale/de/formats.py``, ``["de"]``."""
    return file.as_posix().partition("/locale/")[2].split("/")[:-1][:1]


def install(requirements, target):
    """Copy the installed distributions that a requirements file asks for into ``target``, with all that they need."""
    pending = [Requirement(line) for line in requirements.read_text(encoding="utf-8").splitlines()]
    done = set()
    while pending:
        requirement = pending.pop()
        if requirement.name.lower() in done:
            continue
        done.add(requirement.name.lower())
        package = distribution(requirement.name)
        for file in package.files:
            if ".." not in file.parts and file.suffix not in (".pth", ".pyc") and LANGUAGES.issuperset(locales(file)):
                place = target / file
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), place)
        needs = [Requirement(text) for text in package.requires or []]
        pending += [each for each in needs if each.marker is None or each.marker.evaluate({"extra": ""})]


@pytest.fixture(scope="module", params=["flask_app", "fastapi_app", "django_app"])
def built(request, tmp_path_factory):
    """The directory of each example after its build."""
    code = tmp_path_factory.mktemp("bundle") / request.param
    shutil.copytree(EXAMPLES / request.param, code, ignore=shutil.ignore_patterns("__pycache__", "python"))
    install(code / "requirements.txt", code / "python")
    # The tests have a link to this clone installed, which has no files of the package itself.
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        Path(fc_adapter.__file__).parent, code / "python" / "fc_adapter", ignore=ignored, dirs_exist_ok=True
    )
    return code


# The recorded events ask for what the examples do not have, by hosts that Django does not know. The pages are theirs.
ANSWERS = {
    "flask_app": ({404}, "/api/greetings", "你好，函数计算！"),
    "fastapi_app": ({404}, "/notes", "[]"),
    "django_app": ({301, 400, 404}, "/hello/%E6%9D%AD%E5%B7%9E/", "你好，杭州"),
}


def test_it_answers_from_its_code_alone(built):
    statuses, path, expected = ANSWERS[built.name]
    events = [*map(read_event, HTTP_EVENTS), dump(make_event(raw_path=path))]
    *results, page = run_code(sys.executable, built, events)["results"]
    assert {result["statusCode"] for result in results} == statuses
    assert page["statusCode"] == 200
    assert expected in page["body"]


def test_doctor_finds_no_fault(built, monkeypatch, capsys):
    monkeypatch.setitem(RUNTIMES, HERE, Runtime(sys.version_info[:2], (2, 40), ""))
    monkeypatch.chdir(built)
    assert run(["doctor", "--json", "--runtime", HERE]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {each["check"] for each in findings if each["level"] == "warning"} <= {"headers", "streaming"}
    assert any("imports index from the code alone" in each["message"] for each in findings)


def test_a_build_by_hand_is_tried_likewise(tmp_path, capsys):
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text("def handler(event, context):\n    return {'statusCode': 200}\n")
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.write(code / "index.py", "index.py")
    for each in (code, tmp_path / "code.zip"):
        bundle.main(str(each), runs="1")
        *answers, sizes, seconds = capsys.readouterr().out.splitlines()
        assert answers == [f"200 {name}" for name in HTTP_EVENTS]
        assert sizes == "0.00 MB in the archive, 0.0 MB unpacked"
        pattern = r"import: \d+ ms; without bytecode \d+ ms, of which it is \d+\.\d\d; the least of 1"
        assert re.fullmatch(pattern, seconds)


def test_what_is_missing_fails(tmp_path):
    (tmp_path / "index.py").write_text("import flask\n")
    with pytest.raises(AssertionError, match="No module named 'flask'"):
        run_code(sys.executable, tmp_path)


def test_what_comes_from_elsewhere_fails(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "stranger.py").write_text("")
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text(f"import sys\nsys.path.append({str(elsewhere)!r})\nimport stranger\n")
    with pytest.raises(AssertionError, match=r"stranger\.py"):
        run_code(sys.executable, code)
