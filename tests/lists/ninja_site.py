"""The URLs of a site with Django Ninja. Settings of Django are those of ``tests.apps.django_site``."""

# ruff: noqa: B008, UP006, UP035
# The frameworks evaluate annotations, on Python 3.9 too.

from __future__ import annotations

from typing import List

from django.http import JsonResponse
from django.urls import include, path
from ninja import Field, NinjaAPI, Query, Router, Schema
from pydantic import field_validator

api = NinjaAPI(urls_namespace="lists")
router = Router()


class Filter(Schema):
    tags: List[str] = Field([], alias="tag")
    own: List[str] = []  # noqa: RUF012

    @field_validator("own", mode="before")
    @classmethod
    def split(cls, value):
        return value[0].split(",")


@api.get("/list")
def many(request, tag: List[str] = Query(...), one: str = ""):
    return [tag, one]


@api.post("/numbers")
def add(request, n: str):
    return n


@api.get("/numbers/{name}")
def named(request, name: str, n: List[int] = Query(...)):
    return [name, n]


@api.get("/numbers")
def numbers(request, n: List[int] = Query(...)):
    return n


@api.get("/model")
def model(request, found: Filter = Query(...)):
    return [found.tags, found.own]


@api.get("/url")
def url(request, tag: List[str] = Query(...)):
    return [f"?{request.META['QUERY_STRING']}", request.META["RAW_URI"], request.get_full_path()]


@api.get("/text")
def text(request, tag: str):
    return tag


@router.get("/async")
async def later(request, tag: List[str] = Query(...)):
    return tag


def plain(request):
    return JsonResponse([next(iter(request.GET.lists())), request.get_full_path()], safe=False)


api.add_router("/more", router)
urlpatterns = [path("", include([path("api/", api.urls)])), path("plain", plain)]
