"""How long the adapter takes, beside its peers and beside the floor, measured in one run: ``python -m benchmarks``.

    pip install -e '.[bench]'
    python -m benchmarks                                # everything
    python -m benchmarks request cold --rounds 50       # some groups, with more rounds
    python -m benchmarks --quick --json result.json     # the short form, and the numbers for a program

Timings of different runs cannot be compared on a machine that does other things as well. So all subjects of a table
take turns: in each round every one of them runs for a slice of time, in an order that is shuffled anew. A table shows
the median over the rounds, the spread (the interquartile range, in percent of the median), and a ratio: the median of
what ``fc_adapter`` took in a round over what this subject took in the same round. A ratio below 1 means that
``fc_adapter`` is faster.

The peers run on their own platform: they get the same request, with the same headers, as an AWS HTTP API passes it
(payload 2.0, which all three support), as bytes; ``json.loads`` of them is counted for everybody. What each subject
answers is checked once before it is measured. A peer that is not installed is named and left out.

Groups:

- ``request``: a small JSON POST and an HTML GET, from the event's bytes to the result, with apps that do next to
  nothing. ``own`` is what is left of a subject's median without parsing its event and calling the app.
"""
