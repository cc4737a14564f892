"""Mutation testing: small faults are put into the deployed modules, one at a time, and the fast tests must notice each.

- ``mutants``: every change that is made to a module's source.
- ``runs``: a copy of the tree in which a mutant is tested, in a process forked from one that has imported pytest.
- ``equivalent``: mutants that no test can notice, each with the reason.
- ``__main__``: ``python -m tests.mutation --sample 300 --seed 1``.

Of the tools on PyPI, mutmut 3 is as fast, but takes no random sample, works in the tree, and changes nothing outside of
functions, such as the data of ``contract/rules.py``. cosmic-ray starts pytest anew for each mutant, in the tree itself;
mutatest was last released in 2022.
"""
