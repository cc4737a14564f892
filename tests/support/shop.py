"""A project without fault, and what spoils it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import yaml

import fc_adapter

HERE = "python{}.{}".format(*sys.version_info)
INDEX = """
import fc_adapter
from app import app

handler = fc_adapter.wrap(app)
initialize = handler.initialize
pre_stop = handler.pre_stop
"""
APP = """
def app(environ, start_response):
    start_response("200 OK", [])
    return []
"""
PROPS = {
    "region": "cn-hangzhou",
    "functionName": "shop",
    "runtime": HERE,
    "code": ".",
    "handler": "index.handler",
    "timeout": 30,
    "environmentVariables": {"PYTHONPATH": "/code/python", "SECRET_KEY": "${env('SECRET_KEY')}"},
    "instanceLifecycleConfig": {
        "initializer": {"handler": "index.initialize", "timeout": 30},
        "preStop": {"handler": "index.pre_stop", "timeout": 10},
    },
    "triggers": [
        {
            "triggerName": "http",
            "triggerType": "http",
            "triggerConfig": {"authType": "anonymous", "methods": ["GET", "POST"]},
        }
    ],
}


class Shop:
    """A project without fault, and what spoils it."""

    def __init__(self, project):
        self.project = project
        project.write({"index.py": INDEX, "app.py": APP})
        self.configure()
        self.install("fc-adapter")
        (project.directory / "python" / "fc_adapter").symlink_to(Path(fc_adapter.__file__).parent)

    def configure(self, **props):
        """Write s.yaml, with some properties changed; None leaves one out."""
        changed = {key: value for key, value in {**PROPS, **props}.items() if value is not None}
        document = {"edition": "3.0.0", "name": "shop", "resources": {"web": {"component": "fc3", "props": changed}}}
        self.project.write({"s.yaml": yaml.safe_dump(document)})

    def install(self, name, *, version="1.0", tag="py3-none-any", needs=(), python=None):
        """Put what tells of a package beside the code, as an installer does."""
        info = f"python/{name.replace('-', '_')}-{version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        metadata += [f"Requires-Dist: {each}" for each in needs] + [f"Requires-Python: {python}"] * bool(python)
        self.project.write({f"{info}/METADATA": "\n".join(metadata) + "\n"})
        if tag:
            self.project.write({f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n"})

    def remove_adapter(self):
        """Remove this package from the code, but not what tells of it."""
        (self.project.directory / "python" / "fc_adapter").unlink()

    def remove_packages(self):
        """Remove all that was installed."""
        self.remove_adapter()
        shutil.rmtree(self.project.directory / "python")
