"""The Django site under test, as WSGI."""

from django.core.handlers.wsgi import WSGIHandler

from . import django_site as django_site

app = WSGIHandler()
