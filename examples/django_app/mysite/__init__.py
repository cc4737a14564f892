"""The site: settings, addresses, and the applications for WSGI and ASGI."""
