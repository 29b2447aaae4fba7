"""Views of a Django application: one takes a list, the other shows what became of it."""

from functools import cache

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from producers import BadInputError, Client, NoSuchJobError, RedisUnreachableError


@cache
def client() -> Client:
    """One client for the process: its threads share it, and it connects at its first use."""
    return Client(actor="tokens-app")


@require_POST
def activate(request: HttpRequest) -> HttpResponse:
    """Takes the uploaded file `list`. The browser's repeat of a request makes no second job."""
    try:
        job = client().submit(
            request.FILES["list"],
            org_id=request.POST["organization"],
            request_id=request.headers["Idempotency-Key"],
        )
    except BadInputError as error:
        return JsonResponse({"error": str(error)}, status=400)
    except RedisUnreachableError:
        # Its message names hosts: it is for the log, not for a browser.
        return JsonResponse({"error": "try again in a moment"}, status=503)
    return JsonResponse({"job_id": job.id}, status=201 if job.is_new else 200)


def status(_request: HttpRequest, job_id: str) -> HttpResponse:
    try:
        report = client().job(job_id).report()
    except NoSuchJobError as error:
        raise Http404 from error
    return HttpResponse(msgspec.json.encode(report), content_type="application/json")


urlpatterns = [path("activations", activate), path("activations/<str:job_id>", status)]
