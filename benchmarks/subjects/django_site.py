"""A Django site that answers what the other apps answer, with asynchronous views under ASGI."""

from __future__ import annotations

import json

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse
from django.urls import path

from .apps import PAGE

settings.configure(
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="measured",
    USE_TZ=True,
)
django.setup(set_prefix=False)


def create(request):
    return JsonResponse({"ok": True, "count": json.loads(request.body)["count"] + 1})


def page(request, name):
    response = HttpResponse(PAGE)
    response.set_cookie("seen", "2", httponly=True)
    return response


async def create_async(request):
    return create(request)


async def page_async(request, name):
    return page(request, name)


urlpatterns = [
    path("items", create),
    path("pages/<name>", page),
    path("async/items", create_async),
    path("async/pages/<name>", page_async),
]
wsgi_app = WSGIHandler()
asgi_app = ASGIHandler()
