"""A project on its way to the cloud: ``fc-adapter init``, ``fc-adapter build`` and ``fc-adapter doctor``.

Like the runner, this is for the developer's machine. A project is read; it is imported, in a process of its own, by one
check of ``doctor`` and to time its import after a build.

- ``source``: the project's files as syntax trees; ``find_app``: the apps in them; ``apps``: calls that make apps;
  ``joined``: lists that are read by hand.
- ``init``, ``templates``: the files that deploying adds.
- ``build``: the packages beside the code. ``requirements``: which; ``installer``: by uv or pip; ``staging``:
  beside the last build; ``bytecode``: compiled; ``archive``: zipped. ``summary``, ``import_time``: what it ends with.
- ``bundle``: running the archive's content.
- ``doctor``: all checks and their report; ``project``: what they read; ``findings``: what they say.
- ``check_environment``, ``check_packages``, ``check_props``, ``check_secrets``, ``check_source``, ``check_state``,
  ``check_timeouts``, ``check_trial``: the checks.
- ``trial``: running the function once. ``ignore``: ``.fcignore``; ``interpreter``: other Pythons here.
"""
