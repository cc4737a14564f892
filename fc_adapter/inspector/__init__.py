"""The inspector: a web page beside the runner that shows what the trigger does to each request.

Imported only when serving with it.

- ``history``: the last invocations, filled by the gateway, each an ``entry``; ``spool``: their large bodies on disk;
  ``roster``: the instances.
- ``changes``: what the contract changed on the way; ``failure``: what went wrong; ``bodies``, ``masking``,
  ``timeline``, ``summary``, ``describe``: all of it as JSON.
- ``reasons``: the runner's reasons as keys, which the page has sentences for in each language.
- ``search``: finding invocations by what is in them; ``compare``: what differs between two; ``har``: for other tools.
- ``compose``: requests that the page sends; ``snippets``: an invocation as a curl command, a test, an event.
- ``app``: the page and its API, as a WSGI application; ``guard``: for whom; ``serving``: on a port of its own.
- ``static/``: the page, which is HTML, CSS and JavaScript modules as they are.
"""
