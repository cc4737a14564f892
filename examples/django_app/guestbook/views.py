"""The guestbook's views."""

from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from .forms import EntryForm

# Browsers drop cookies of more than 4 KB, and all entries are in one.
MAX_ENTRIES = 3


@require_http_methods(["GET", "HEAD", "POST"])
def index(request):
    """The page with the form. A valid entry is kept in the session, and the browser is sent back to the page."""
    form = EntryForm(request.POST or None)
    entries = request.session.get("entries", [])
    if request.method == "POST" and form.is_valid():
        request.session["entries"] = [*entries, form.cleaned_data][-MAX_ENTRIES:]
        return redirect("index")
    request.session["visits"] = request.session.get("visits", 0) + 1
    return render(
        request,
        "guestbook/index.html",
        {"form": form, "entries": entries, "visits": request.session["visits"]},
        status=400 if form.errors else 200,
    )


@require_safe
def hello(request, name):
    """A page for the name in the path, in whatever script it is written."""
    return render(request, "guestbook/hello.html", {"name": name})


@require_safe
def status(request):
    """What the request looks like from inside, as JSON; ``requestId`` is null anywhere but on Function Compute."""
    # The adapter adds it to the environ (WSGI) or to the scope (ASGI).
    added = getattr(request, "scope", request.META)
    return JsonResponse(
        {
            "message": "一切正常",
            "secure": request.is_secure(),
            "client": request.META["REMOTE_ADDR"],
            "requestId": added.get("fc.request_id"),
            "query": request.GET.dict(),
        },
        json_dumps_params={"ensure_ascii": False},
    )
