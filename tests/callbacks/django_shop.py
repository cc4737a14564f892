"""The shop in Django: views of their own, in the process's one site."""

import hashlib
from io import BytesIO

from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.urls import path

from tests.apps import django_site as django_site

from .peers import FILE, FILE_NAME, GBK_PAGE, Alipay, WeChat


def wechat(request):
    if not WeChat.verify(request.GET):
        raise PermissionDenied
    if request.method == "GET":
        return HttpResponse(request.GET["echostr"])
    return HttpResponse(WeChat.answer(request.body), content_type="application/xml")


def alipay(request):
    if request.method == "GET":
        genuine, subject = Alipay.verify(request.META["QUERY_STRING"])
        return HttpResponse(subject, status=200 if genuine else 400)
    genuine, subject = Alipay.verify(request.body.decode())
    if not genuine:
        return HttpResponseBadRequest()
    return HttpResponse("success", headers={"X-Subject": subject.encode().hex()})


def form(request):
    return HttpResponse(request.POST["name"])


def upload(request):
    file = request.FILES["file"]
    sha256 = hashlib.sha256(file.read()).hexdigest()
    return JsonResponse({"name": file.name, "note": request.POST["note"], "sha256": sha256})


def download(request):
    return FileResponse(BytesIO(FILE), as_attachment=True, filename=FILE_NAME, content_type="text/csv")


def old_page(request):
    return HttpResponse(GBK_PAGE, content_type="text/html; charset=gbk")


urlpatterns = [
    path("wechat", wechat),
    path("alipay", alipay),
    path("form", form),
    path("upload", upload),
    path("download", download),
    path("old", old_page),
]


class Shop(WSGIHandler):
    """The site's handler, with the addresses above."""

    def get_response(self, request):
        request.urlconf = __name__
        return super().get_response(request)


app = Shop()
