"""Connection pools that people use, with peers that hang up between the invocations.

``servers``: PostgreSQL and Redis as processes, small servers in this one, and a proxy that hangs up.
``asgi_app``, ``wsgi_app``: the apps under test.
"""
