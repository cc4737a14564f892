"""What ``fc-adapter doctor`` finds in the packages, in what is uploaded, and by an import."""

from __future__ import annotations

import json
import sys

import pytest

from fc_adapter.config import function
from fc_adapter.project import check_packages, check_trial, trial
from fc_adapter.project.archive import list_files
from tests.support.shop import APP, HERE, INDEX


@pytest.mark.parametrize(("layers", "level"), [(None, "error"), (["acs:fc:x"], "warning")])
def test_no_packages(shop, diagnose, layers, level):
    shop.configure(layers=layers)
    shop.remove_packages()
    ((found, check, message),), report = diagnose(imports=True)
    assert (found, check) == (level, "packages")
    assert message.startswith("no packages are installed in ")
    assert [each["todo"] for each in report["findings"] if each["check"] == "packages"] == ["run: fc-adapter build"]


def test_no_adapter_among_the_packages(shop, diagnose):
    shop.remove_adapter()
    ((level, check, message),), _ = diagnose()
    assert (level, check) == ("error", "packages")
    assert message.startswith("fc_adapter is not installed in ")


def test_a_handler_without_the_adapter_needs_no_packages(shop, diagnose):
    shop.remove_packages()
    shop.project.write({"index.py": "handler = initialize = pre_stop = print\n"})
    assert diagnose(imports=True)[0] == []


VERSION = "".join(map(str, sys.version_info[:2]))


@pytest.mark.parametrize(
    "tag",
    [
        "py3-none-any",
        "py2.py3-none-any",
        f"cp{VERSION}-cp{VERSION}-manylinux_2_17_x86_64.manylinux2014_x86_64",
        f"cp{VERSION}-cp{VERSION}-manylinux_2_28_x86_64",
        "cp37-abi3-manylinux1_x86_64",
        None,
    ],
)
def test_wheels_that_the_runtime_can_load(shop, diagnose, tag):
    shop.install("thing", tag=tag, python=f">=3.8,!={HERE[6:]}.0")
    shop.install("old", tag=tag, python="nonsense")
    assert diagnose()[0] == []


@pytest.mark.parametrize(
    "tag",
    [
        "cp38-cp38-manylinux2014_x86_64",
        f"cp{VERSION}-cp{VERSION}-manylinux_2_29_x86_64",
        f"cp{VERSION}-cp{VERSION}-musllinux_1_2_x86_64",
        f"cp{VERSION}-cp{VERSION}-macosx_11_0_arm64",
        f"cp{VERSION}-cp{VERSION}-manylinux2014_aarch64",
        "cp399-abi3-manylinux2014_x86_64",
    ],
)
def test_wheels_that_the_runtime_cannot_load(shop, diagnose, tag):
    shop.install("thing", tag=tag)
    assert diagnose()[0] == [("error", "wheels", f"built for another Python or another system: thing ({tag})")]


def test_a_package_for_another_python(shop, diagnose):
    shop.install("thing", python=">=3.99")
    assert diagnose()[0] == [("error", "wheels", f"not for Python {HERE[6:]}: thing 1.0 (>=3.99)")]


def test_a_package_that_was_compiled_here(shop, diagnose):
    shop.install("thing", tag=f"cp{VERSION}-cp{VERSION}-linux_x86_64")
    assert diagnose()[0] == [("warning", "wheels", "compiled on a machine like this one: thing")]


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        (["other"], "other (thing needs it)"),
        (["other[fast]", "old (>=1.*)"], "other (thing needs it)"),
        (["other; python_version < '3.99'"], 'other (thing needs it, where python_version < "3.99")'),
        (["thing[fast]", "other; extra == 'fast'"], 'other (thing[fast] needs it, where extra == "fast")'),
        (["other; python_version < '3'"], None),
        (["other; sys_platform == 'win32'"], None),
        (["other; extra == 'fast'"], None),
        (["thing[slow]", "other; extra == 'fast'", "fc-adapter"], None),
    ],
)
def test_a_package_that_another_one_needs(shop, diagnose, needs, expected):
    shop.install("thing", needs=needs)
    assert diagnose()[0] == ([("error", "requirements", f"missing: {expected}")] if expected else [])


def test_what_the_requirements_name(shop, diagnose):
    shop.install("thing", needs=["other; extra == 'fast'"])
    shop.project.write(
        {
            "requirements.txt": "# comment\n-r base.txt\n./local\nFC_adapter\nthing[fast]>=1  # comment\n"
            "gone \\\n  ==1.0 --hash=sha256:00\nolder; python_version < '3'\n"
        }
    )
    assert diagnose()[0] == [
        (
            "error",
            "requirements",
            'missing: gone (requirements.txt needs it), other (thing[fast] needs it, where extra == "fast")',
        )
    ]


def test_a_package_of_another_version(shop, diagnose):
    shop.install("core", version="2.0")
    shop.install("thing", needs=["core==2.1"])
    assert diagnose()[0] == [
        ("warning", "requirements", "of another version than required: core 2.0 (thing needs ==2.1)")
    ]


def test_what_a_layer_may_have(shop, diagnose):
    shop.configure(layers=["acs:fc:x"])
    shop.install("thing", needs=["other"])
    assert diagnose()[0] == [("warning", "requirements", "missing: other (thing needs it)")]


# ---- what is uploaded ------------------------------------------------------------------------------------------------


def test_what_should_not_be_uploaded(shop, diagnose):
    shop.project.write({".venv/pyvenv.cfg": "x" * 200_000, "node_modules/a/b.js": "", ".env": "", "web/.env.local": ""})
    assert diagnose()[0] == [
        ("warning", "size", "would be uploaded: .venv (0.2 MB), node_modules (0.0 MB)"),
        ("warning", "secrets", "would be uploaded: .env, web/.env.local"),
    ]
    shop.project.write({".fcignore": "# comment\n\n/.venv\n/node_modules/\n.env*\n"})
    assert diagnose()[0] == []


def test_databases_of_a_local_run_would_be_uploaded(shop, diagnose):
    head = b"SQLite format 3\0"
    shop.project.write({"shop.db": head + bytes(204_784), "data/Site.SQLITE3": head, "data/a.txt": head})
    shop.project.write({"notes.db": b"of another kind", "python/geo/geo.db": head})
    (shop.project.directory / "gone.db").symlink_to("nowhere")
    found, report = diagnose()
    assert found == [("warning", "database", "would be uploaded: shop.db (0.2 MB), data/Site.SQLITE3 (0 KB)")]
    todo = next(each["todo"] for each in report["findings"] if each["check"] == "database")
    assert todo.endswith("name them in .fcignore: /shop.db, /data/Site.SQLITE3")
    shop.project.write({".fcignore": "/shop.db\n/data/Site.SQLITE3\n"})
    assert diagnose()[0] == []


def test_what_links_lead_to_counts_as_in_the_archive(shop, diagnose, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "big.bin").write_bytes(bytes(3_000_000))
    (shop.project.directory / "data").symlink_to(tmp_path / "data")
    (shop.project.directory / "more.bin").symlink_to(tmp_path / "data" / "big.bin")
    (shop.project.directory / "gone").symlink_to("nowhere")
    shop.remove_adapter()
    shop.project.write({"python/fc_adapter/__init__.py": ""})
    files = list(list_files(shop.project.directory))
    assert said_of_size(diagnose) == f"{len(files)} files, 6.0 MB before they are compressed"


def said_of_size(diagnose):
    return next(each["message"] for each in diagnose()[1]["findings"] if each["check"] == "size")


@pytest.mark.parametrize(
    ("limits", "expected"),
    [((1, 1), "error"), ((1_000_000, 1), "warning"), ((1_000_000, 4_000), None)],
)
def test_the_size_of_the_archive(shop, diagnose, monkeypatch, limits, expected):
    limit, api_limit = limits
    monkeypatch.setattr(check_packages, "LIMIT", limit)
    monkeypatch.setattr(check_packages, "API_LIMIT", api_limit)
    shop.remove_adapter()  # which is a link to larger files
    shop.project.write({"zeros": b"\0" * 5_000, "python/fc_adapter/__init__.py": ""})
    found = diagnose()[0]
    assert [(level, check) for level, check, _ in found] == ([(expected, "size")] if expected else [])


# ---- the import ------------------------------------------------------------------------------------------------------


def test_an_import_that_fails_for_a_missing_module(shop, diagnose):
    shop.project.write({"app.py": "import no_such_module\n"})
    found, report = diagnose(imports=True)
    place = shop.project.directory / "app.py"
    message = f"Python {HERE[6:]} cannot import index: ModuleNotFoundError: No module named 'no_such_module' "
    message += f"({place}, line 1)"
    assert found == [("error", "import", message)]
    assert "what has the module no_such_module, and run: fc-adapter build" in report["findings"][0]["todo"]
    shop.configure(layers=["acs:fc:x"])
    assert diagnose(imports=True)[0] == [("warning", "import", message)]


def test_an_import_that_fails_for_the_app_by_name(shop, diagnose):
    shop.project.write({"index.py": INDEX.replace("wrap(app)", "wrap('nowhere:app')")})
    (finding,) = [each for each in diagnose(imports=True)[1]["findings"] if each["level"] == "error"]
    assert "what has the module nowhere, and run:" in finding["todo"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise ValueError('broken')\n", "ValueError: broken (/"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3 (/"),
        ("import os\nos._exit(3)\n", "the process ended with status 3"),
        ("import time\ntime.sleep(60)\n", "it takes more than 3 s"),
    ],
)
def test_an_import_that_fails(shop, diagnose, monkeypatch, source, message):
    if "sleep" in source:
        monkeypatch.setattr(trial, "_TIMEOUT", 1)
    shop.project.write({"app.py": source})
    ((level, check, found),), report = diagnose(imports=True)
    assert (level, check) == ("error", "import")
    assert found.startswith(f"Python {HERE[6:]} cannot import index: {message}")
    assert report["findings"][0]["todo"] == "mend it; fc-adapter doctor --verbose shows the whole traceback"


def test_the_import_sees_the_code_alone(shop, diagnose):
    source = "import os, sys\nprint('noise')\nassert not any('site-packages' in each for each in sys.path)\n"
    source += "assert os.environ['FC_FUNCTION_NAME'] == 'shop'\nassert os.getcwd() == sys.path[0]\n"
    shop.project.write({"app.py": source + APP})
    assert diagnose(imports=True)[0] == []
    assert not list(shop.project.directory.rglob("*.pyc"))


def test_the_import_needs_a_machine_like_the_platform_for_compiled_packages(shop, diagnose, monkeypatch):
    monkeypatch.setattr(check_trial, "is_like_platform", lambda: False)
    assert " from the code alone" in json.dumps(diagnose(imports=True)[1])
    shop.install("thing", tag=f"cp{VERSION}-cp{VERSION}-manylinux2014_x86_64")
    assert "this machine cannot load the packages' modules" in json.dumps(diagnose(imports=True)[1])


def test_what_is_like_the_platform(monkeypatch):
    monkeypatch.setattr(function.platform, "libc_ver", lambda: ("", ""))
    assert function.is_like_platform() is False
