"""The tables of the matrix name apps and requests that there are."""

from __future__ import annotations

import pytest

from .alone import ALONE
from .answers import GAPS, STATUSES
from .cells import requests_of
from .differences import KNOWN_DIFFERENCES
from .scenarios import BYTE_PATHS, MOUNTED
from .servers import ASGI_APPS, WSGI_APPS

APPS = {*WSGI_APPS, *ASGI_APPS}
REQUESTS = {*MOUNTED, *BYTE_PATHS, *(name for app in APPS for name in requests_of(app))}


@pytest.mark.parametrize("entry", [*GAPS, *KNOWN_DIFFERENCES], ids=lambda entry: entry.reason)
def test_entry_names_apps_and_requests(entry):
    assert {*entry.apps} - APPS == set()
    assert {*entry.requests} - REQUESTS == set()


def test_the_rest_names_apps_and_requests():
    assert {*ALONE} - APPS == set()
    assert {*STATUSES} - REQUESTS == set()
