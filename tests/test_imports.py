"""What a cold start loads, read in fresh interpreters."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fc_adapter"


def loaded_by(code):
    """The modules that ``code`` adds to an interpreter that has what the platform's runtime has."""
    program = (
        f"import sys, json, logging\nbefore = set(sys.modules)\n{code}\nprint(json.dumps([*set(sys.modules) - before]))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(output.stdout))


def test_wrapping_a_wsgi_app_loads_this_package_and_hardly_more():
    loaded = loaded_by("import fc_adapter\nfc_adapter.wrap(lambda environ, start_response: [])")
    ours = {name for name in loaded if name.partition(".")[0] == "fc_adapter"}
    assert loaded - ours <= {"binascii", "__future__"}
    assert {name for name in ours if name.startswith("fc_adapter.runner")} == set()


@pytest.mark.parametrize(
    "path", ["errors.py", "messages.py", "contract/request.py", "contract/response.py", "contract/rules.py"]
)
def test_the_core_imports_only_the_standard_library_and_nothing_slow(path):
    imported = set()
    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module)
    # `typing` and `collections.abc` are for type checkers; the others inside functions, where they are needed.
    lazily = {"typing", "collections.abc", "urllib.parse", "time", "base64"}
    assert imported - lazily <= {"__future__", "binascii", "collections", "json"}
