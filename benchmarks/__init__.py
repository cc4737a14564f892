"""How long the adapter takes, beside its peers and beside the floor, measured in one run.

In a clone of the repository::

    pip install -e '.[bench]'
    python -m benchmarks                                # everything: a few minutes
    python -m benchmarks request cold --rounds 50       # some groups, with more rounds or fewer
    python -m benchmarks --quick --json result.json     # the short form; the numbers for a program
    python -m benchmarks request --cpu                  # on a machine that does other things at the same time

Timings of different runs cannot be compared on a machine that does other things as well. So all subjects of a table
take turns: in each round every one of them runs for a slice of time, in an order that is shuffled anew. A table shows
the median over the rounds, the spread (the interquartile range, in percent of the median), and a ratio: the median of
what ``fc_adapter`` took in a round over what this subject took in the same round. A ratio below 1 means that
``fc_adapter`` is faster. ``--cpu`` counts the processor's time in place of the clock's (not in ``runner``).

The peers run on their own platform: they get the same request, with the same headers, as an AWS HTTP API passes it
(payload 2.0, which all three support), as bytes; ``json.loads`` of them is counted for everybody. ``by hand`` is the
handler that people write for Function Compute when they have no adapter. No result is serialised: that is the
runtime's part on every platform. What each subject answers is checked before it is measured. A peer that is not
installed is named and left out.

Groups:

- ``request``: a small JSON POST and an HTML GET, from the event's bytes to the result, with apps that do next to
  nothing. The same request comes again and again, which is the best case for what is remembered of header names; in
  WSGI also with a header whose value, or name, is new each time. ``own`` is what is left of a subject's median without
  parsing its event and calling the app.
- ``frameworks``: the same requests through Flask, Django and FastAPI. The floor is the framework's app called with a
  ready environ or scope, so ``own share`` is the adapter's part of a real request. FastAPI imports orjson where it is
  installed, and ``fc_adapter`` then parses events with it.
- ``parts``: the same GET through the parts of the adapter, one by one: where its time goes.
- ``cold``: in fresh interpreters, which have imported ``json`` and ``logging`` as the platform's runtime has: importing
  the adapter and wrapping an app, in milliseconds and in modules; then the same with a first request. Everything is
  compiled before.
- ``size``: bodies up to the platform's limit of 32 MB, in both directions. Time per byte; the exponent with which it
  grows over the sizes from 1 MB on (1 is in proportion; fresh pages for what is beyond ``malloc``'s threshold of 32 MB
  make the floor's own larger than that); the peak of memory over the size of the body, not counting the event or the
  app's own body. The floor is ``json.loads`` of the event and one conversion of the body from text or Base64, or to it.
- ``runner``: requests per second of ``fc-adapter serve`` and of Gunicorn, for the same app and the same client.
"""
