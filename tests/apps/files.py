"""The directory from which apps under test serve files: the same one, whichever process they run in."""

from __future__ import annotations

import os
from pathlib import Path

FILES = Path(os.environ["MATRIX_FILES"])
