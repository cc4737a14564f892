"""What a project needs to become a function, and whether it has it: ``fc-adapter init`` and ``fc-adapter doctor``.

Like the runner, this is for the developer's machine. A project is read, not imported, but for one check of ``doctor``.

- ``cli``: the two commands' options.
- ``source``: the project's files as syntax trees; ``find_app``: the apps in them.
- ``init``, ``templates``: the files that deploying adds.
- ``doctor``: all checks and their report; ``project``: what they read; ``findings``: what they say.
- ``check_config``, ``check_source``, ``check_bundle``, ``check_import``: the checks.
- ``apps``: calls that make apps; ``ignore``: ``.fcignore``; ``interpreter``: other Pythons here; ``build``: installing.
"""
