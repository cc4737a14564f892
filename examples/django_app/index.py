"""The entry that s.yaml names: Function Compute calls ``index.handler``, which runs the site through WSGI."""

import fc_adapter

handler = fc_adapter.wrap("mysite.wsgi:application")
