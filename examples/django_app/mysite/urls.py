"""The addresses of the site, all of which the guestbook answers."""

from django.urls import include, path

urlpatterns = [path("", include("guestbook.urls"))]
