"""The API as a whole: who calls, which errors come back, and that each operation says what it needs.

A call has a session, and then for what it changes the CSRF token in `X-CSRFToken`; or a token, `Authorization: Bearer
dbf_…`. Errors are `{"error": …, "hint": …, "kind": …}` with the status that fits.
"""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db.utils import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from dbfleet import __version__
from dbfleet.console import errors
from dbfleet.console.access import NotLoggedIn, needs
from dbfleet.console.api._docs import Page
from dbfleet.console.rooms import modules
from dbfleet.errors import DbfleetError

api = NinjaAPI(
    title="dbfleet",
    version=__version__,
    description=(
        "A call has the session's cookie, and for what it changes its CSRF token in X-CSRFToken; or a token, as "
        "Authorization: Bearer dbf_…. Errors are {error, hint, kind}, with the status that fits."
    ),
    urls_namespace="api",
    docs=Page(),
    docs_decorator=needs("login"),
)

_TAKES: Final = "/api/docs says what each call takes"


def collect() -> None:
    """Add every part's operations. RuntimeError where one does not say what it needs: it must not be served."""
    for module in modules("dbfleet.console.api"):
        router = getattr(module, "router", None)
        if router is None:
            continue
        for path, view in router.path_operations.items():
            for operation in view.operations:
                if not hasattr(operation.view_func, "needs"):
                    raise RuntimeError(f"{module.__name__}: {path} does not say which role it needs")
        api.add_router(module.PREFIX, router, tags=[module.__name__.rpartition(".")[2]])


@api.exception_handler(DbfleetError)
def _of_ours(request: Any, error: DbfleetError) -> HttpResponse:
    return errors.of_ours(request, error)


@api.exception_handler(NotLoggedIn)
def _not_logged_in(request: Any, error: NotLoggedIn) -> HttpResponse:
    return errors.answer(request, 401, "log in first, or give a token", hint="Authorization: Bearer dbf_…")


@api.exception_handler(PermissionDenied)
def _refused(request: Any, error: PermissionDenied) -> HttpResponse:
    return errors.forbidden(request, error)


@api.exception_handler(Http404)
def _nothing(request: Any, error: Http404) -> HttpResponse:
    return errors.not_found(request)


@api.exception_handler(OperationalError)
def _away(request: Any, error: OperationalError) -> HttpResponse:
    return errors.control_is_away(request, error)


@api.exception_handler(InterfaceError)
def _gone(request: Any, error: InterfaceError) -> HttpResponse:
    return errors.control_is_away(request, error)


@api.exception_handler(ValidationError)
def _input(request: Any, error: ValidationError) -> HttpResponse:
    told = "; ".join(f"{'.'.join(str(each) for each in one['loc'][1:])}: {one['msg']}" for one in error.errors)
    return errors.answer(request, 422, told, kind="UsageError", hint=_TAKES)


@api.exception_handler(HttpError)
def _unreadable(request: Any, error: HttpError) -> HttpResponse:
    """What ninja refuses by itself: above all a body that is no JSON."""
    if error.status_code == 400:
        return errors.answer(request, 400, "the body of the call is no JSON", hint=_TAKES)
    return errors.answer(request, error.status_code, str(error))


collect()
