"""The Django site under test, as ASGI."""

from django.core.handlers.asgi import ASGIHandler

from . import django_site as django_site

app = ASGIHandler()
