"""Wheels and source trees that installers take as any other, made without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

# A build backend that needs nothing, in a source tree of its own.
BACKEND = """
import os
from tests_wheels import make_wheel


def build_wheel(directory, config_settings=None, metadata_directory=None):
    tag = os.environ.get("TAG", "py3-none-any")
    files = {"NAME/__init__.py": open("NAME/__init__.py").read()}
    return make_wheel(directory, "NAME", files=files, tag=tag).name


def get_requires_for_build_wheel(config_settings=None):
    return []
"""


def make_wheel(directory, name, version="1.0", *, files=None, needs=(), tag="py3-none-any"):
    """Write a wheel into a directory. ``files`` are its modules, as ``{"shop/app.py": source}``. Returns its path."""
    name = name.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    metadata = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {each}" for each in needs),
    ]
    members = {
        **({f"{name}.py": f"VERSION = {version!r}\n"} if files is None else files),
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{member},{_hash(text)},{len(text.encode())}\n" for member, text in members.items())
    path = Path(directory, f"{name}-{version}-{tag}.whl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**members, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(member, text)
    return path


def _hash(text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


def make_adapter_wheel(directory):
    """Write the part of the adapter that serves WSGI apps as a wheel that requires nothing."""
    import fc_adapter
    from tests.mutation.mutants import deployed_modules

    root = Path(fc_adapter.__file__).parent
    names = [name for name in deployed_modules(root) if not name.startswith(("asgi/", "lists/"))]
    files = {f"fc_adapter/{name}": (root / name).read_text(encoding="utf-8") for name in names}
    return make_wheel(directory, "fc-adapter", "0.1.0", files=files)


def make_source(directory, name):
    """Write a source tree of a package ``name`` that builds a wheel of itself. Returns its path."""
    (directory / name).mkdir(parents=True)
    (directory / name / "__init__.py").write_text("VERSION = 'of the clone'\n")
    (directory / "backend.py").write_text(BACKEND.replace("NAME", name))
    (directory / "tests_wheels.py").write_bytes(Path(__file__).read_bytes())
    (directory / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
    )
    return directory
