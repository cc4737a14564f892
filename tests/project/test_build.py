"""``fc-adapter build``, by the real uv and pip, with wheels that the tests make; no network is needed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from fc_adapter.cli import run
from fc_adapter.config import runtimes
from fc_adapter.config.runtimes import Runtime
from fc_adapter.project import build, installer
from fc_adapter.project.build import is_outdated, read_stamp
from tests.conftest import dump, make_event
from tests.project.conftest import Project
from tests.support.bundle import run_code
from tests.support.shop import APP, HERE, INDEX, PROPS
from tests.support.wheels import make_adapter_wheel, make_source, make_wheel

pytest.importorskip("uv")
pytest.importorskip("pip")

NUMBER = HERE[len("python") :]
TAG = f"cpython-{NUMBER.replace('.', '')}"


class Index:
    """Two directories of wheels, all that the tools can reach: one that all tests read, and the test's own."""

    def __init__(self, project, directory, shared):
        self.project = project
        self.directory = directory
        self.shared = shared
        self.requirements = []

    def add(self, name, version="1.0", *, is_required=True, **options):
        """Add a wheel, and require it."""
        path = make_wheel(self.directory, name, version, **options)
        self.require(*[name] * is_required)
        return path

    def require(self, *lines):
        """Write the project's requirements.txt, with some more lines."""
        self.requirements += lines
        links = [f"--find-links {each.as_uri()}" for each in (self.shared, self.directory) if each.is_dir()]
        self.project.write(
            {"requirements.txt": "\n".join(["--no-index", *links, "fc-adapter", *self.requirements]) + "\n"}
        )

    def gather(self):
        """Have all wheels in the test's own directory, and no requirements.txt but the environment that names it."""
        shutil.copytree(self.shared, self.directory)
        (self.project.directory / "requirements.txt").unlink()
        return {
            f"{tool}_{name}": value
            for tool in ("UV", "PIP")
            for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", self.directory.as_uri()))
        }


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A directory with wheels of this package and of ``tool``, and with the cache of uv."""
    directory = tmp_path_factory.mktemp("shared")
    make_adapter_wheel(directory / "wheels")
    make_wheel(directory / "wheels", "tool")
    return directory


def prepare(project, index, monkeypatch):
    """Write a project for a runtime of this interpreter's version, and have the tools know nothing but the index."""
    monkeypatch.setitem(runtimes.RUNTIMES, HERE, Runtime(sys.version_info[:2], (2, 28), "x86_64-manylinux_2_28"))
    monkeypatch.setattr("fc_adapter.project.requirements.adapter_requirement", lambda: "fc-adapter")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CACHE_DIR", str(index.shared.parent / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_CACHE_DIR", str(index.shared.parent / "cache of pip"))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("SECRET_KEY", "x")
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # pip would be measured, too, and take minutes
    index.require("tool")
    project.write({"index.py": INDEX + "import tool\n", "app.py": APP})
    configure(project)


@pytest.fixture
def index(project, tmp_path, monkeypatch, shared):
    """A project, and an index with this package and ``tool`` in it."""
    index = Index(project, tmp_path / "wheels", shared / "wheels")
    prepare(project, index, monkeypatch)
    return index


@pytest.fixture(scope="module")
def first_build(tmp_path_factory, shared):
    """A directory with such a project, after its build."""
    directory = tmp_path_factory.mktemp("built")
    project = Project(directory)
    with pytest.MonkeyPatch.context() as monkeypatch:
        prepare(project, Index(project, directory / "no wheels", shared / "wheels"), monkeypatch)
        monkeypatch.chdir(directory)
        assert run(["build", "--no-import"]) == 0
    return directory


@pytest.fixture
def built(project, index, first_build):
    """Have the test's project built already."""
    shutil.copytree(first_build, project.directory, dirs_exist_ok=True)


@pytest.fixture(params=["uv", "pip"])
def each_tool(request, monkeypatch):
    """Once with uv, once without."""
    if request.param == "pip":
        use_pip(monkeypatch)
    return request.param


def use_pip(monkeypatch):
    hide(monkeypatch, "uv")
    monkeypatch.setattr(installer.shutil, "which", lambda name: None)


def hide(monkeypatch, *names):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in names else find_spec(name))


def configure(project, **props):
    """Write s.yaml, which is JSON here."""
    document = {"edition": "3.0.0", "resources": {"web": {"component": "fc3", "props": {**PROPS, **props}}}}
    project.write({"s.yaml": json.dumps(document)})


def ask(directory):
    """The status that the function answers with, from its code and its packages alone."""
    event = dump(make_event(raw_path="/"))
    return run_code(sys.executable, directory, [event])["results"][0]["statusCode"]


def unpack(archive, directory):
    with zipfile.ZipFile(archive) as source:
        source.extractall(directory)
        return source.namelist()


def test_the_bundle_answers_from_its_code_alone(project, index, command, each_tool):
    status, out, err = command("build")
    assert (status, err) == (0, "")
    assert f"installing  for {HERE}, by {each_tool}: " in out
    assert re.search(rf"built       python/: 2 packages for {HERE}, with bytecode, \d\.\d MB, in \d+\.\d s\n", out)
    assert "compiled    2 of 2 files of the function's own code\n" in out
    assert ask(project.directory) == 200
    files = project.files()
    assert f"python/__pycache__/tool.{TAG}.pyc" in files
    assert f"__pycache__/index.{TAG}.pyc" in files
    assert "python/tool-1.0.dist-info/METADATA" in files
    assert not [name for name in files if name.startswith(".fc-build")]
    assert not [name for name in files if name.endswith(("uv_cache.json", ".lock"))]
    assert "cache" not in project.read("python/tool-1.0.dist-info/RECORD")


def test_it_ends_with_what_makes_a_cold_start(project, index, command):
    for number in range(11):
        index.add(f"lib{number}", files={f"lib{number}.py": "#" * 1000 * (number + 1)}, is_required=number > 0)
    project.write({"index.py": INDEX + "".join(f"import lib{number}\n" for number in range(1, 11))})
    _, out, _ = command("build")
    lines = out.split("\n\n")[1].splitlines()
    assert re.fullmatch(r" +unpacked  +archive", lines[0])
    assert re.fullmatch(r"  fc.adapter 0\.1\.0 +\d\.\d MB +\d\.\d MB", lines[1])
    assert lines[2].startswith("  lib10 1.0 ")
    assert len(lines) == 14
    assert re.fullmatch(r"  \d others +\d+ KB +\d+ KB", lines[11])
    assert re.fullmatch(r"  all +\d\.\d MB +\d\.\d MB", lines[12])
    assert lines[13] == "limits of the archive: 500 MB by s deploy or in the console, 100 MB in an API call"
    imported = out.split("\n\n")[2].splitlines()
    assert re.match(r"import of index: \d+ ms, without bytecode \d+ ms ", imported[0])
    assert len(imported) == 7
    assert any(re.fullmatch(r"  fc_adapter +\d+ ms +\d+ modules", line) for line in imported)


def test_a_second_build_does_nothing(project, built, command, monkeypatch):
    times = {name: (project.directory / name).stat().st_mtime_ns for name in project.files()}
    monkeypatch.setattr(build, "find_installer", None)
    status, out, _ = command("build")
    assert (status, out.count("\n")) == (0, 1)
    assert re.fullmatch(rf"up to date  python/: 2 packages for {HERE}, with bytecode, \d\.\d MB\n", out)
    assert {name: (project.directory / name).stat().st_mtime_ns for name in project.files()} == times


def test_a_changed_file_of_the_code_is_compiled_alone(project, built, command):
    project.write({"app.py": f"{APP}\nnew = 1\n", "broken.py": "x = (\n"})
    _, out, _ = command("build")
    assert out.startswith("up to date  python/")
    assert "compiled    1 of 3 files of the function's own code\nnote: broken.py has no bytecode: line 1: " in out


CHANGES = {
    "a requirement": lambda project, index: index.add("other"),
    "an option": lambda project, index: ["--index-url", "https://example.com/simple"],
    "a package that is gone": lambda project, index: (project.directory / "python" / "tool.py").unlink(),
    "all packages": lambda project, index: (project.directory / "python").rename(project.directory.parent / "gone"),
    "a stamp that cannot be read": lambda project, index: project.write({"python/.fc-adapter.json": "[]"}),
    "none, but it is wanted": lambda project, index: ["--force"],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_built(project, index, built, command, change):
    options = change(project, index)
    _, out, _ = command("build", "--no-import", *(options if isinstance(options, list) else []))
    assert "built       python/" in out
    assert ask(project.directory) == 200


def test_packages_that_are_gone_from_the_requirements_are_gone(project, index, built, command):
    index.requirements.clear()
    index.require()
    command("build", "--no-import")
    assert "python/tool.py" not in project.files()


def test_what_fails_leaves_the_last_build(project, index, built, command):
    index.require("nowhere")
    files = project.files()
    status, _, err = command("build")
    assert status == 2
    assert "fc-adapter build: uv ended with status " in err
    assert err.endswith("(see above); nothing was changed\n")  # no hint at --no-binary, which would not help
    assert (project.files(), ask(project.directory)) == (files, 200)


# A build that gets a signal while uv runs, or as it is about to call one of its own functions.
INTERRUPTED = """
import os, subprocess, sys
from fc_adapter.cli import run
from fc_adapter.config.runtimes import RUNTIMES, Runtime
from fc_adapter.project import build, requirements

runtime, place, number = sys.argv[1:]


def interrupt(*arguments, **options):
    os.kill(os.getpid(), int(number))


class Popen(subprocess.Popen):
    def wait(self, timeout=None):
        interrupt()
        return super().wait(timeout)


if place == "uv":
    subprocess.Popen = Popen
else:
    setattr(build, place, interrupt)
RUNTIMES[runtime] = Runtime(sys.version_info[:2], (2, 28), "x86_64-manylinux_2_28")
requirements.adapter_requirement = lambda: "fc-adapter"
sys.exit(run(["build", "--force"]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_what_is_interrupted_leaves_the_last_build(project, index, built, command, number, status):
    index.add("other")
    for place in ("uv", "compile_files", "replace"):
        program = [sys.executable, "-c", INTERRUPTED, HERE, place, str(int(number))]
        process = subprocess.run(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        assert (process.returncode, ask(project.directory)) == (status, 200)
        assert not (project.directory / "python" / "other.py").exists()
    assert command("build", "--no-import")[0] == 0
    assert "python/other.py" in project.files()
    assert not (project.directory / ".fc-build").exists()


def test_being_asked_to_end_is_an_interruption(project, index, command, monkeypatch):
    monkeypatch.setattr(build, "find_installer", lambda runtime: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert command("build")[0] == 130
    assert signal.getsignal(signal.SIGTERM) is before
    assert not (project.directory / ".fc-build").exists()


def test_what_is_not_of_a_package_is_not_removed(project, index, command):
    project.write({"python/mine.py": ""})
    status, _, err = command("build")
    assert status == 2
    assert "/python is replaced by each build, and has what belongs to no package: mine.py; move it, or have" in err
    assert project.read("python/mine.py") == ""


def test_a_clone_and_a_wheel_of_a_package(project, index, command, each_tool, tmp_path, monkeypatch):
    make_source(tmp_path / "clone", "mine")
    make_wheel(tmp_path, "theirs")
    index.require("-e ../clone", "../theirs-1.0-py3-none-any.whl ; python_version > '3'")
    index.require("mine[fast]>=7 ; python_version > '3'", "theirs")  # what is local goes before
    assert command("build", "--no-import")[0] == 0
    assert project.read("python/mine/__init__.py") == "VERSION = 'of the clone'\n"
    assert "python/theirs.py" in project.files()
    assert not [name for name in project.files() if name.endswith(".pth")]


def test_a_clone_that_is_compiled_is_taken_by_name_only(project, index, command, tmp_path, monkeypatch):
    make_source(tmp_path / "clone", "mine")
    index.require("../clone")
    tag = f"cp{NUMBER.replace('.', '')}-abi3-linux_x86_64"
    monkeypatch.setenv("TAG", tag)
    status, _, err = command("build")
    assert status == 2
    assert f"mine of {tmp_path}/clone has been compiled for this machine (linux_x86_64), which the runtime may " in err
    assert err.endswith("to take it all the same: --no-binary mine\n")
    assert "python" not in os.listdir(project.directory)
    assert command("build", "--no-import", "--no-binary", "Mine")[0] == 0
    assert "python/mine/__init__.py" in project.files()


def test_a_source_archive_is_built_by_name_only(project, index, command, each_tool, tmp_path):
    import tarfile

    make_source(tmp_path / "odd-2.0", "odd")
    (tmp_path / "odd-2.0" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 2.0\n")
    source = (tmp_path / "odd-2.0" / "backend.py").read_text().replace('"odd", files', '"odd", "2.0", files')
    (tmp_path / "odd-2.0" / "backend.py").write_text(source)
    index.directory.mkdir()
    with tarfile.open(index.directory / "odd-2.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "odd-2.0", "odd-2.0")
    index.require("odd>=1")
    status, _, err = command("build")
    assert (status, "can be built here, if you name it: --no-binary NAME" in err) == (2, True)
    assert command("build", "--no-import", "--no-binary", "odd")[0] == 0
    assert "python/odd/__init__.py" in project.files()


def test_a_wheel_for_another_system_is_none(project, index, command):
    index.add("mac").rename(index.directory / "mac-1.0-cp310-cp310-macosx_11_0_arm64.whl")
    status, _, err = command("build")
    assert (status, "can be built here, if you name it: --no-binary NAME" in err) == (2, True)


def test_a_clone_that_cannot_be_built_is_not_helped_by_building_it(project, index, command, each_tool, tmp_path):
    make_source(tmp_path / "clone", "mine")
    (tmp_path / "clone" / "backend.py").write_text("raise RuntimeError\n")
    index.require("../clone")
    status, _, err = command("build")
    assert (status, err.endswith("(see above); nothing was changed\n")) == (2, True)


_RECORDER = """
import json, os, sys
with open(sys.argv[1], "a") as log:
    log.write(json.dumps([sys.argv[3:], dict(os.environ)]) + "\\n")
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_passwords_of_indexes_are_in_no_arguments(project, index, command, each_tool, tmp_path, monkeypatch):
    choice = installer.find_installer(runtimes.RUNTIMES[HERE])
    log = tmp_path / "log"
    recorded = [sys.executable, "-c", _RECORDER, str(log), *choice.command]
    monkeypatch.setattr(build, "find_installer", lambda runtime: choice._replace(command=recorded))
    monkeypatch.setenv("TOKEN", "s3cr3t")
    make_source(tmp_path / "clone", "mine")
    index.require("../clone", "--extra-index-url http://${TOKEN}@127.0.0.1:9/${no}${NONE_SUCH}", "-i=http://x:s3cr3t@y")
    status, out, err = command("build", "--no-import", "--index-url", "http://user:s3cr3t@127.0.0.1:9/simple")
    assert (status, "s3cr3t" in out + err) == (0, False)
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(calls) == 2
    assert not [arguments for arguments, _ in calls if "s3cr3t" in " ".join(arguments)]
    main = {"uv": "UV_DEFAULT_INDEX", "pip": "PIP_INDEX_URL"}[each_tool]
    more = {"uv": "UV_EXTRA_INDEX_URL", "pip": "PIP_EXTRA_INDEX_URL"}[each_tool]
    # The second installs, and reads what the requirements file has.
    assert [(environment.get(main), environment.get(more)) for _, environment in calls] == [
        ("http://user:s3cr3t@127.0.0.1:9/simple", "http://s3cr3t@127.0.0.1:9/${no}${NONE_SUCH}"),
        ("http://user:s3cr3t@127.0.0.1:9/simple", None),
    ]


def test_markers_are_evaluated_for_the_runtime(project, index, command, monkeypatch):
    index.add("then", is_required=False)
    index.require("then ; python_version == '3.9' and sys_platform == 'linux'")
    monkeypatch.setitem(runtimes.RUNTIMES, "python3.9", Runtime((3, 9), (2, 24), "x86_64-manylinux2014"))
    monkeypatch.setattr(build, "find_interpreter", lambda runtime: None)
    status, out, _ = command("build", "--runtime", "python3.9", "--no-import")
    assert status == 0
    assert "python/then.py" in project.files()
    assert ", without bytecode, " in out
    assert "note: no bytecode, as there is no Python 3.9 here" in out
    assert not list(project.directory.rglob("*.pyc"))
    assert command("build", "--runtime", "python3.9", "--no-import")[1].startswith("up to date")


def test_an_interpreter_that_is_installed_later_is_used(project, index, command, monkeypatch):
    monkeypatch.setattr(build, "find_interpreter", lambda runtime: None)
    _, out, _ = command("build")
    assert f"\nThe import was not timed: there is no Python {NUMBER} here\n" in out
    assert "up to date" in command("build")[1]
    monkeypatch.undo()


def test_bytecode_can_be_left_out(project, index, command):
    _, out, _ = command("build", "--no-bytecode", "--no-import")
    assert "without bytecode" in out
    assert "note: " not in out
    assert not list(project.directory.rglob("*.pyc"))
    assert "up to date" in command("build", "--no-bytecode")[1]
    assert "built" in command("build", "--no-import")[1]
    assert list(project.directory.rglob("*.pyc"))


def test_files_of_packages_that_this_python_cannot_read(project, index, command):
    index.add("old", files={"old.py": "print 'hello'\n"})
    assert (
        f"note: 1 files of packages are not for Python {NUMBER}, and have no bytecode\n"
        in command("build", "--no-import")[1]
    )


def test_the_archive_is_what_is_deployed_and_the_same_each_time(project, index, command, tmp_path, monkeypatch):
    project.write({".fcignore": "/tests\n/python/bin\n", "tests/x.py": "", "__pycache__/app.cpython-36.pyc": ""})
    _, out, _ = command("build", "--no-import", "--zip", "shop.zip")
    assert re.search(r"wrote       shop\.zip: the code, \d\.\d MB, unpacked \d\.\d MB\n", out)
    first = (project.directory / "shop.zip").read_bytes()
    names = unpack("shop.zip", tmp_path / "there")
    assert {"index.py", f"__pycache__/index.{TAG}.pyc", "python/tool.py", f"python/__pycache__/tool.{TAG}.pyc"} <= set(
        names
    )
    assert not {"tests/x.py", "shop.zip", "__pycache__/app.cpython-36.pyc", "python/.fc-adapter.json"} & set(names)
    assert ask(tmp_path / "there") == 200
    time.sleep(1.1)  # for times in files, of which none may be in the archive
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another"))
    command("build", "--no-import", "--force", "--zip", "shop.zip")
    assert (project.directory / "shop.zip").read_bytes() == first


def test_a_layer_has_the_packages_alone(project, index, command, tmp_path):
    _, out, _ = command("build", "--no-import", "--layer", "../layer.zip", "--zip", "../code.zip")
    assert "wrote       ../layer.zip: the layer, which is unpacked to /opt/python for " in out
    assert "wrote       ../code.zip: the code without its packages, " in out
    assert "note: there is no .fcignore, so all files are in the archive; fc-adapter init writes one\n" in out
    layer = unpack("../layer.zip", tmp_path / "there")
    code = unpack("../code.zip", tmp_path / "there")
    assert all(name.startswith("python/") for name in layer)
    assert not any(name.startswith("python/") for name in code)
    assert ask(tmp_path / "there") == 200


def test_an_archive_that_would_be_deployed_is_named(project, index, command):
    project.write({".fcignore": "/code.zip\n"})
    _, out, _ = command("build", "--no-import", "--layer", "the-layer.zip", "--zip", "code.zip")
    assert "note: s deploy would upload the-layer.zip, too: add /the-layer.zip to .fcignore\n" in out
    assert out.count("note: ") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--zip", "index.py"], "index.py is there and is no ZIP archive; name another file"),
        (["--layer", "."], ". is there and is no ZIP archive; name another file"),
        (["--zip", "a.zip", "--layer", "./a.zip"], "--zip and --layer name the same file, a.zip"),
    ],
)
def test_an_archive_takes_the_place_of_nothing_else(project, index, command, arguments, message):
    before = project.files(), project.read("index.py")
    assert command("build", "--no-import", *arguments) == (2, "", f"fc-adapter build: {message}\n")
    assert (project.files(), project.read("index.py")) == before


def test_packages_go_where_the_function_looks_for_them(project, index, command):
    configure(project, code="code", environmentVariables={"PYTHONPATH": "/opt/x:/code/vendor/:/code/lib"})
    project.write({"code/index.py": "def handler(event, context): ...\n"})
    _, out, _ = command("build", "--no-import")
    assert "built       code/vendor/: 2 packages" in out
    assert "code/vendor/tool.py" in project.files()


@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "/opt/x:/code/../y:/code"}], ids=["nowhere", "elsewhere"])
def test_a_function_that_does_not_look_for_them(project, index, command, variables):
    configure(project, environmentVariables=variables)
    _, out, _ = command("build", "--no-import")
    assert out.startswith("note: the function does not find its packages without PYTHONPATH: /code/python in s.yaml\n")
    assert "python/tool.py" in project.files()


def test_without_a_template(project, index, command):
    (project.directory / "s.yaml").unlink()
    status, _, err = command("build")
    assert (status, err) == (
        2,
        "fc-adapter build: there is no s.yaml here: fc-adapter init writes one; or name a --runtime\n",
    )
    status, out, _ = command("build", "--runtime", HERE)
    assert status == 0
    assert "import of" not in out
    assert ask(project.directory) == 200


def test_a_template_elsewhere(project, index, command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    _, out, _ = command("build", "--template", "shop/s.yaml", "--no-import")
    assert "built       shop/python/: " in out
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    assert f"up to date  {tmp_path}/shop/python/: " in command("build", "--template", "../shop/s.yaml")[1]


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"code": "gone"}, "code in s.yaml is '{here}/gone', which is not a directory"),
        ({"runtime": "python3.5"}, "runtime in s.yaml is 'python3.5'; expected one of "),
    ],
)
def test_what_cannot_be_built_is_explained(project, index, command, props, message):
    configure(project, **props)
    status, _, err = command("build")
    assert status == 2
    assert err.startswith(f"fc-adapter build: {message.format(here=project.directory)}")


def test_a_project_without_requirements(project, index, command):
    (project.directory / "requirements.txt").unlink()
    status, _, err = command("build")
    assert status == 2
    assert f"nothing in {project.directory} says what the project requires; expected requirements.txt or " in err


def test_requirements_that_are_named(project, index, command):
    index.add("other", is_required=False)
    project.write({"more.txt": "other\n"})
    command("build", "--no-import", "--requirements", "requirements.txt", "--requirements", "more.txt")
    assert {"python/tool.py", "python/other.py"} <= set(project.files())


DECLARED = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["tool", "fc-adapter"]\n'


def test_a_project_table(project, index, command, each_tool, monkeypatch):
    for name, value in index.gather().items():
        monkeypatch.setenv(name, value)
    project.write({"pyproject.toml": DECLARED})
    assert command("build", "--no-import")[0] == 0
    assert "python/tool.py" in project.files()


def lock(project, index, monkeypatch):
    for name, value in index.gather().items():
        monkeypatch.setenv(name, value)
    project.write({"pyproject.toml": DECLARED})
    subprocess.run([sys.executable, "-m", "uv", "lock", "-q", "--python", sys.executable], check=True)


def test_a_lock(project, index, command, monkeypatch):
    lock(project, index, monkeypatch)
    make_wheel(index.directory, "tool", "2.0")
    assert command("build", "--no-import")[0] == 0
    assert project.read("python/tool.py") == "VERSION = '1.0'\n"


def test_a_lock_that_is_out_of_date(project, index, command, monkeypatch):
    lock(project, index, monkeypatch)
    project.write({"pyproject.toml": DECLARED.replace('"tool"', '"tool", "other"')})
    status, _, err = command("build")
    assert status == 2
    assert err.startswith("fc-adapter build: uv ended with status ")


def test_a_lock_is_for_uv(project, index, command, monkeypatch):
    lock(project, index, monkeypatch)
    use_pip(monkeypatch)
    status, _, err = command("build")
    assert status == 2
    assert err.startswith("fc-adapter build: only uv reads ")


def test_neither_uv_nor_pip(project, index, command, monkeypatch):
    use_pip(monkeypatch)
    monkeypatch.setattr(installer, "find_interpreters", lambda runtime: iter([sys.executable, "/bin/true"]))
    monkeypatch.setattr(installer.sys, "executable", "/bin/false")
    monkeypatch.setattr(installer, "find_interpreters", lambda runtime: iter(["/bin/false"]))
    status, _, err = command("build")
    assert status == 2
    assert f"there is no uv here, and no Python {NUMBER} with pip: install uv (pip install uv; " in err
    monkeypatch.setattr(installer.sys, "platform", "darwin")
    assert "there is no uv here" in command("build")[2]


def test_uv_on_the_path(project, index, command, monkeypatch, tmp_path):
    program = tmp_path / "uv"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m uv "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert f", by uv: {program}\n" in command("build", "--no-import")[1]


def test_an_import_that_fails_is_told(project, index, command):
    project.write({"index.py": "import missing\n"})
    status, out, _ = command("build")
    assert status == 0
    assert "The import of index was not timed: ModuleNotFoundError: No module named 'missing'\n" in out


def test_another_system_does_not_import(project, index, command, monkeypatch):
    monkeypatch.setattr(build, "is_like_platform", lambda: False)
    assert "The import was not timed: this machine cannot load packages that are " in command("build")[1]


def test_progress_on_a_terminal(project, index, command, monkeypatch):
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    _, out, _ = command("build", "--no-import")
    assert f"\r\x1b[Kcompiling   by {sys.executable}: 0 of " in out
    assert "\r\x1b[Kpacking " in out


def test_whether_a_build_is_outdated(project, index, command):
    target = project.directory / "python"
    assert not is_outdated(project.directory, target)
    command("build", "--no-import")
    assert not is_outdated(project.directory, target)
    index.require("other")
    assert is_outdated(project.directory, target)
    (project.directory / "requirements.txt").unlink()
    assert is_outdated(project.directory, target)
    project.write({"python/.fc-adapter.json": '{"runtime": "python3.10"}'})
    assert is_outdated(project.directory, target)


def test_the_stamp_names_no_place_and_no_password(project, index, command):
    command("build", "--no-import", "--index-url", "https://me:secret@example.com/simple")
    stamp = read_stamp(project.directory / "python")
    assert stamp["named"] == ["requirements.txt"]
    assert "secret" not in json.dumps(stamp)
    assert str(project.directory) not in json.dumps(stamp)


def test_what_reads_the_project_is_missing(project, index, command, monkeypatch):
    hide(monkeypatch, "pathspec", "yaml")
    status, _, err = command("build")
    assert (status, err) == (2, "fc-adapter build: build needs pathspec and yaml: pip install 'fc-adapter[local]'\n")


# ---- what others make of it ------------------------------------------------------------------------------------------


def test_doctor_says_when_it_is_time_to_build(project, index, built, command):
    def warnings(*arguments):
        report = json.loads(command("doctor", "--json", "--no-import", *arguments)[1])
        return [each["message"] for each in report["findings"] if each["check"] == "build"]

    target = project.directory / "python"
    assert warnings() == []
    assert warnings("--runtime", OTHER) == [f"{target} was built for {HERE}, and the function runs on {OTHER}"]
    index.require("other")
    assert warnings() == [f"what the project requires has changed since {target} was built"]


OTHER = "python3.9" if HERE != "python3.9" else "python3.10"


def test_doctor_finds_no_fault_with_a_build(project, index, built, command):
    status, out, _ = command("doctor", "--strict")
    assert (status, f"note: import: Python {NUMBER} imports index from the code alone" in out) == (0, True), out


def test_serve_uses_what_was_built(project, built, command):
    source = "def app(environ, start_response):\n    import tool\n    start_response('200 OK', [])\n"
    project.write({"app.py": f"{source}    return [tool.__file__.encode()]\n", "index.py": INDEX})
    assert command("serve", "--check", "/")[1].rstrip().endswith(f"{project.directory}/python/tool.py")


def test_git_does_not_see_what_was_built(project, index, built, command):
    assert project.read("python/.gitignore") == "*\n"
    assert command("build", "--no-import")[1].startswith("up to date")
