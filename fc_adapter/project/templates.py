"""The text of the files that ``fc-adapter init`` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..config.runtimes import Runtime
from .find_app import Candidate

# YAML 1.1 reads these as something else than text.
_WORDS = {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}

# From the root only: below it, such a name may be part of a package that the app needs. Patterns are as in .gitignore.
IGNORED = """\
# What `s deploy` leaves out of the archive.
/.env
/.env.*
/.fc-build
/.git
/.github
/.idea
/.mypy_cache
/.pytest_cache
/.ruff_cache
/.s
/.venv
/.vscode
/code.zip
/env
/layer.zip
/node_modules
/python/.fc-adapter.json
/python/.gitignore
/python/.lock
/python/bin
/tests
/venv
# What a function must not take along: data and logs of this machine.
*.log
/db.sqlite3
/instance/*.db
/instance/*.sqlite*
"""

_HOOKS = """\
initialize = handler.initialize  # Initializer hook: the app's startup
pre_stop = handler.pre_stop  # PreStop hook: its shutdown
"""

_HOOKS_CONFIG = """\
      # The two halves of the app's lifespan: its startup before the first request, its shutdown at an instance's end.
      instanceLifecycleConfig:
        initializer:
          handler: {entry}.initialize
          timeout: 30
        preStop:
          handler: {entry}.pre_stop
          timeout: 10
"""

_CONFIG = """\
# For Serverless Devs (npm install -g @serverless-devs/s). From this directory: s deploy
edition: 3.0.0
name: {name}
access: default

resources:
  web:
    component: fc3
    actions:
      pre-deploy:
        # Puts the packages beside the code, in python/, unless they are there. From a mirror, as in mainland China, it
        # is fc-adapter build --index-url URL; which URL: docs/deploy.md, In mainland China (docs/zh-CN/deploy.md).
        - run: fc-adapter build
          path: ./
    props:
      region: {region}
      functionName: {name}
      runtime: {runtime}
      code: .
      handler: {entry}.handler
      memorySize: 512
      # The default of 3 s is soon used up by a cold start and a slow first request.
      timeout: 30
      environmentVariables:
        # Where fc-adapter build puts the packages.
        PYTHONPATH: /code/python
        # Keep secrets out of this file: ${{env('NAME')}} is the variable NAME of the shell that runs `s deploy`.
{hooks}\
      triggers:
        - triggerName: httpTrigger
          triggerType: http
          qualifier: LATEST
          triggerConfig:
            # Everyone may call it, as everyone may open a web page.
            authType: anonymous
            methods: [GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS]
            disableURLInternet: false
{domain}"""

_DOMAIN = """\
# On the trigger's own address (*.fcapp.run) browsers download pages instead of showing them. Bind a domain of yours, in
# the console or here, to see them:
#  domain:
#    component: fc3-domain
#    props:
#      region: {region}
#      domainName: www.example.com
#      protocol: HTTP
#      routeConfig:
#        routes:
#          - path: /*
#            functionName: {name}
#            qualifier: LATEST
"""


class Entry(NamedTuple):
    """The module that ``s.yaml`` names: ``index``, and whether it has the hooks."""

    module: str
    has_hooks: bool


def entry_source(candidate: Candidate, entry: Entry, directory: Path, lists: Sequence[str] = ()) -> str:
    """The source of the entry in ``directory`` that wraps this app. ``lists``: parameters of the query to be split."""
    standard, others, setup = set(), ["import fc_adapter"], []
    path = _path_below(candidate.root, directory)
    if path:
        standard |= {"import os", "import sys"}
        parts = ", ".join(["os.path.dirname(__file__)", *(f'"{part}"' for part in path)])
        setup.append(f"sys.path.insert(0, os.path.join({parts}))")
    if not candidate.attribute:
        standard.add("import os")
        others.append("from django.core.wsgi import get_wsgi_application")
        setup.append(f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{candidate.module}")')
        app = "get_wsgi_application()"
    elif candidate.is_factory:
        line = f"from {candidate.module} import {candidate.attribute}"
        if path:
            setup.append(f"\n{line}  # noqa: E402\n")
        else:
            others.append(line)
        app = f"{candidate.attribute}()"
    else:
        app = f'"{candidate.name}"'
    options = f", split_query={json.dumps(list(lists), ensure_ascii=False)}" if lists else ""
    blocks = [sorted(standard), others, [*setup, f"handler = fc_adapter.wrap({app}{options})"]]
    text = "\n\n".join("\n".join(block) for block in blocks if block)
    hooks = _HOOKS if entry.has_hooks else ""
    return f'"""The entry that s.yaml names: Function Compute calls ``{entry.module}.handler``."""\n\n{text}\n{hooks}'


def config_source(*, entry: Entry, name: str, region: str, runtime: Runtime) -> str:
    """The text of ``s.yaml``."""
    return _CONFIG.format(
        entry=entry.module,
        name=_scalar(name),
        region=region,
        runtime=runtime.name,
        hooks=_HOOKS_CONFIG.format(entry=entry.module) if entry.has_hooks else "",
        domain=_DOMAIN.format(region=region, name=name),
    )


def _scalar(text: str) -> str:
    """``text`` as YAML that means this very text."""
    is_plain = re.fullmatch(r"[A-Za-z_][\w-]*", text) and text.lower() not in _WORDS
    return text if is_plain else json.dumps(text)


def _path_below(root: Path, directory: Path) -> tuple[str, ...]:
    """The parts of the way from ``directory`` down to ``root``; none when it is not below."""
    return root.relative_to(directory).parts if directory in root.parents else ()
