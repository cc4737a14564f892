"""The archive that the platform gets."""

from __future__ import annotations

import os
import zipfile

import pytest

from fc_adapter.project.archive import list_files, write_archive


def names(project, **options):
    return [name for name, _ in list_files(project.directory, **options)]


def test_fcignore_leaves_out_files_and_directories(project):
    project.write(
        {".fcignore": "/tests\n*.log\n!keep.log\n", "index.py": "", "tests/x.py": "", "b.log": "", "keep.log": ""}
    )
    assert names(project) == [".fcignore", "index.py", "keep.log"]


def test_bytecode_is_for_one_python(project):
    project.write(
        {
            "__pycache__/index.cpython-310.pyc": "",
            "__pycache__/index.cpython-310.opt-1.pyc": "",
            "__pycache__/index.cpython-311.pyc": "",
            "python/legacy.pyc": "",
            "python/.fc-adapter.json": "",
        }
    )
    assert names(project) == ["python/legacy.pyc"]
    assert names(project, cache_tag="cpython-310") == [
        "__pycache__/index.cpython-310.opt-1.pyc",
        "__pycache__/index.cpython-310.pyc",
        "python/legacy.pyc",
    ]


def test_a_link_to_what_contains_the_project_is_not_followed(project):
    project.write({"index.py": "", "a/b.py": ""})
    (project.directory / "a" / "parent").symlink_to(project.directory.parent)
    (project.directory / "root").symlink_to("/")
    assert names(project) == ["index.py", "a/b.py"]


def test_links_are_followed_but_not_in_circles(project, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "tool.py").write_text("")
    project.write({"a/index.py": ""})
    (project.directory / "a" / "shared").symlink_to(shared)
    (project.directory / "b").symlink_to(shared)
    (project.directory / "a" / "up").symlink_to(project.directory)
    (project.directory / "gone").symlink_to("nowhere")
    assert sorted(names(project)) == ["a/index.py", "a/shared/tool.py", "b/tool.py"]


def test_the_same_files_make_the_same_bytes(project, tmp_path):
    project.write({"index.py": "x = 1\n", "bin/run": "#!/bin/sh\n"})
    (project.directory / "bin" / "run").chmod(0o700)
    files = list(list_files(project.directory))
    sizes = write_archive(tmp_path / "a.zip", files)
    for name, path in files:
        os.utime(path, (1e9, 1e9))
        path.chmod(0o711 if name == "bin/run" else 0o600)
    write_archive(tmp_path / "b.zip", reversed(files))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert {name: size.unpacked for name, size in sizes.items()} == {"bin/run": 10, "index.py": 6}
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("index.py") == b"x = 1\n"
        assert {each.filename: oct(each.external_attr >> 16) for each in archive.infolist()} == {
            "bin/run": "0o100755",
            "index.py": "0o100644",
        }


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_says_who_may_read_an_archive(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_archive(tmp_path / "a.zip", [])
    finally:
        assert os.umask(before) == umask
    assert (tmp_path / "a.zip").stat().st_mode & 0o777 == mode


def test_an_archive_that_fails_leaves_the_last_one(project, tmp_path):
    target = tmp_path / "a.zip"
    target.write_text("the last one")
    project.write({"index.py": ""})
    with pytest.raises(FileNotFoundError):
        write_archive(target, [("index.py", project.directory / "index.py"), ("x", project.directory / "gone")])
    assert target.read_text() == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "shop"]


def test_an_archive_that_cannot_take_its_place_is_removed(tmp_path):
    (tmp_path / "a.zip").mkdir()
    with pytest.raises(OSError, match=r"a\.zip"):
        write_archive(tmp_path / "a.zip", [])
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_directory_that_is_missing_is_named(project, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no directory .*nowhere"):
        write_archive(tmp_path / "nowhere" / "a.zip", [])
