"""The product's addresses and the authenticated empty view that E is measured on."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


@login_required
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


urlpatterns = [path("bench/empty", empty), path("", include("potato_site.urls"))]
