"""Inputs that nobody would write, for the parts of fc_adapter that take what others have written.

- ``invariants``: what holds for each Request, Response, result and error, whatever the input was.
- ``scripts``: apps that send what they are told, in any order, and what their clients must get.
- ``choices``: events, values and scripts read out of bytes; ``exchanges``: whole exchanges, and what must hold where
  they are shown or kept.
- ``targets``: the functions that a fuzzer calls; ``test_corpus.py`` calls them with each file of ``tests/data/corpus``.
- ``mutator``: changes to JSON that leave it JSON.
- ``__main__``: ``python -m tests.fuzz``, the coverage-guided fuzzer.

``tests/test_any_app.py`` and ``tests/contract/test_any_input.py`` hold Hypothesis to the same invariants and scripts.
"""
