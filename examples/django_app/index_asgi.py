"""The other entry: with ``handler: index_asgi.handler`` in s.yaml, Function Compute runs the same site through ASGI.

Choose it for a site with async views: they share one event loop for the life of the instance, and with it what they
keep open, such as a pool of connections. A site without any gains nothing by it, and stays with ``index.handler``.
"""

import fc_adapter

handler = fc_adapter.wrap("mysite.asgi:application")
