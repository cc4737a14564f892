"""The entries that s.yaml names: Function Compute calls ``index.handler``, and the hooks around its requests."""

import fc_adapter
from app import app

handler = fc_adapter.wrap(app)
initialize = handler.initialize
pre_stop = handler.pre_stop
