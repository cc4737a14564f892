"""The entry that s.yaml names: Function Compute calls ``index.handler``."""

from app import app

import fc_adapter

handler = fc_adapter.wrap(app)
