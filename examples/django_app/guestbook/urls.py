"""The guestbook's addresses."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="index"),
    path("hello/<str:name>/", views.hello, name="hello"),
    path("api/status", views.status, name="status"),
]
