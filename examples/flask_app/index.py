"""The entry that s.yaml names: Function Compute calls ``index.handler``."""

import fc_adapter
from app import app

handler = fc_adapter.wrap(app)
