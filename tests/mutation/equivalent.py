"""Mutants that no test can notice: what they change is cost, or a text that nobody sees, or nothing.

Each is known by module, function, and the changed lines before and after, so that it is found wherever these stand.
``tests/mutation/test_mutation.py`` checks that each is still a mutant of the sources.
"""

from __future__ import annotations

EQUIVALENT = {}
