"""A function as ``s.yaml`` or a command line describes it, resolved once for everyone.

- ``function``: the ``Function`` itself; ``target``: where its handler is; ``runtimes``: the platform's Pythons.
- ``template``: reading ``s.yaml``, by ``yaml`` and ``variables``; ``unsimulated``: what of it is not simulated here;
  ``domain``: the routes of a custom domain.
- ``env_file``: reading ``.env``; ``options``: what a command's options make of it.
"""
