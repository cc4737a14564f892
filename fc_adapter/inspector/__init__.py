"""The inspector: a web page beside the runner that shows what the trigger does to each request.

Imported only when serving with it.

- ``history``: the last invocations, filled by the gateway; ``roster``: the instances.
- ``changes``: what the contract changed on the way; ``bodies``, ``masking``, ``describe``: all of it as JSON.
- ``snippets``: an invocation as a curl command, a test, an event.
- ``app``: the page and its API, as a WSGI application; ``serving``: on a port of its own.
- ``static/``: the page, which is HTML, CSS and JavaScript modules as they are.
"""
