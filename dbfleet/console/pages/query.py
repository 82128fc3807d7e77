"""Query: ask targets in their own language, side by side.

    query            the page: /query?target=a&target=b&text=…, or /query?saved=7
    query-run        a statement of one target; its answer as records, one a line (statements/frames.py)
    query-export     the same as a file
    query-heard      the page is there, and asks how its questions stand; query-cancel ends one
    query-value      a value that was too long for its cell
    query-saved, query-history    fragments beside the editor
    query-write      a statement that writes, as a job of the worker

What may be asked is in statements/allowed.py, what is on record in statements/asked.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from dbfleet import formats
from dbfleet.console import absent, chain, here
from dbfleet.console.access import needs, require
from dbfleet.console.models import Asked, TargetState
from dbfleet.console.rooms import Nav
from dbfleet.console.statements import allowed, kept, saved
from dbfleet.console.statements.asked import STATEMENT_S, TooMany, said
from dbfleet.console.statements.exports import TYPES, Begun
from dbfleet.console.statements.exports import export as exported
from dbfleet.console.statements.frames import MOST_ROWS, frames
from dbfleet.console.statements.line import Line
from dbfleet.console.statements.record import MOST_CHARACTERS, text_on_record
from dbfleet.console.words import of_page
from dbfleet.errors import DbfleetError, UsageError
from dbfleet.spec import Capability, EngineSpec

NAV = Nav("Query", "query", 30, role="reader")

_GUARDS: Final = {
    "account": "read-only by the server: an account of its own, whose rights end there",
    "session": "read-only by the server: the mode of its session",
    "client": "not enforced by the server: only dbfleet's own client keeps to reading, so this needs the role writer",
    "none": "not enforced: nothing keeps a statement from writing, so this needs the role writer",
}


@needs("reader")
@require_GET
def query(request: Any) -> HttpResponse:
    """The page."""
    text, chosen = request.GET.get("text", ""), request.GET.getlist("target")
    if request.GET.get("saved", "").isdecimal():
        found = saved.one(request.user, int(request.GET["saved"]))
        text, chosen = found["text"], found["targets"]
    fleet = here.fleet()
    states = dict(TargetState.objects.exclude(at=None).values_list("target", "ok"))
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, target in fleet.targets.items():
        spec = fleet.spec(target)
        if request.rights.may(allowed.role_for(spec), name) or request.rights.may("writer", name):
            groups.setdefault(spec.language.partition(" (")[0], []).append(
                {**_facts(request, name, spec), **_standing(states, name)}
            )
    facts = {
        "targets": [each for group in groups.values() for each in group],
        "chosen": [name for name in chosen if isinstance(name, str)],
        "text": text,
        "most": {"rows": MOST_ROWS, "characters": MOST_CHARACTERS, "shown": 500, "seconds": STATEMENT_S},
    }
    return render(
        request, "query.html",
        {"groups": groups, "facts": facts, "formats": list(TYPES), "text": text, "saved": saved.visible(request.user),
         "writes": request.rights.anywhere("writer")},
    )  # fmt: skip


def _standing(states: Mapping[str, bool | None], name: str) -> dict[str, Any]:
    """Whether the target answered at the last look; None where nobody has looked."""
    if name not in states:
        return {"up": None, "state": "new"}
    ok = states[name]
    return {"up": bool(ok), "state": absent.STATE if ok is None else "ok" if ok else "red"}


def _facts(request: Any, name: str, spec: EngineSpec) -> dict[str, Any]:
    example = spec.examples.get("all", "").replace("{collection}", "orders")
    return {
        "name": name,
        "engine": spec.title,
        "language": spec.language.partition(" (")[0],
        "editor": spec.editor,
        "example": example,
        "enforced": allowed.enforced(spec),
        "guard": _GUARDS[spec.guard],
        "note": spec.guard_note,
        "plan": spec.explain is not None,
        "no_plan": spec.no_plan,
        "stops": Capability.CANCEL in spec.capabilities,
        "writes": request.rights.may("writer", name),
    }


# --- asking ---------------------------------------------------------------------------------------------------------


@needs("reader")
@require_POST
def run(request: Any) -> HttpResponse | StreamingHttpResponse:
    """Ask one target; records as they come. 429 where too many statements run."""
    body = body_of(request)
    question = allowed.question(
        request, target=body.get("target"), text=body.get("text"), params=body.get("params") or (), id=body.get("id"),
        plan=bool(body.get("plan")), from_page=True,
    )  # fmt: skip
    stream = frames(question, allowed.asker(request, question.target), Line.of(request.environ))
    try:
        begun = Begun(stream)  # what is wrong is a record, but for this
    except TooMany as error:
        return JsonResponse({"error": error.message, "hint": error.hint}, status=429, headers={"Retry-After": "1"})
    return streaming(begun, "application/x-ndjson")


def streaming(chunks: Any, type_: str, filename: str = "") -> StreamingHttpResponse:
    """The chunks as they come, past what would hold them back."""
    response = StreamingHttpResponse(chunks, content_type=type_)
    response.headers["X-Accel-Buffering"] = "no"
    if filename:
        response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


@needs("reader")
@require_POST
def export(request: Any) -> HttpResponse | StreamingHttpResponse:
    """The answer as a file. What goes wrong before its first byte is 204, so that the browser stays where it is: the
    page learns of it by query-heard."""
    word = formats.known(request.POST.get("format", "csv"))
    number = UUID(request.POST["id"]) if len(request.POST.get("id", "")) == 36 else None
    try:
        question = allowed.question(
            request, target=request.POST.get("target"), text=request.POST.get("text"),
            params=request.POST.get("params", "").splitlines(), id=number, export=word, from_page=True,
        )  # fmt: skip
        chunks = exported(question, allowed.asker(request, question.target), Line.of(request.environ))
    except DbfleetError as error:
        if number is None:
            raise
        _failed(request, number, error)
        return HttpResponse(status=204)
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in question.target)
    extension = formats.get(word).extensions[0]
    return streaming(chunks, TYPES.get(word, "text/plain; charset=utf-8"), f"{name}{extension}")


def _failed(request: Any, number: UUID, error: DbfleetError) -> None:
    """Put on record, for the page alone, why a question was refused before it was one."""
    from dbfleet.console.jobs.making import now

    facts = {"user": request.user, "target": "", "begun_at": now(), "heard_at": now(), "state": "failed",
             "error": of_page(said(error) + (f" ({error.hint})" if error.hint else ""))}  # fmt: skip
    Asked.objects.get_or_create(pk=number, defaults=facts)


@needs("reader")
@require_POST
def heard(request: Any) -> JsonResponse:
    """How the page's questions stand; they go on, as their page is there."""
    body = body_of(request)
    ids = ids_of(body.get("ids"))
    saved.heard(request.user, ids, hidden=bool(body.get("hidden")))
    return JsonResponse({"asked": saved.states(request.user, ids)})


@needs("reader")
@require_POST
def cancel(request: Any) -> JsonResponse:
    """Ask for the end of questions of one's own: of one by the button, of all when the page is left."""
    ids = ids_of(request.POST.get("ids", "").split(","))
    return JsonResponse({"cancelled": saved.cancel(request.user, ids)})


@needs("reader")
@require_GET
def value(request: Any, question: UUID, number: int) -> HttpResponse | FileResponse:
    """A value of one's own question, whole."""
    file = kept.path(question, number)
    if file is None or not Asked.objects.filter(pk=question, user=request.user).exists():
        raise Http404
    return FileResponse(file.open("rb"), content_type="text/plain; charset=utf-8")


# --- beside the editor ------------------------------------------------------------------------------------------------


@needs("reader")
@require_GET
def history(request: Any) -> HttpResponse:
    """What the person has asked last."""
    return render(request, "query_history.html", {"history": saved.history(request.rights.who)})


@needs("reader")
def keep(request: Any) -> HttpResponse:
    """The kept queries; POST keeps one."""
    if request.method == "POST":
        saved.keep(
            request.user, name=request.POST.get("name", ""), text=request.POST.get("text"),
            targets=[each for each in request.POST.get("targets", "").split(",") if each],
            shared=bool(request.POST.get("shared")),
        )  # fmt: skip
    return render(request, "query_saved.html", {"saved": saved.visible(request.user)})


@needs("reader")
@require_POST
def rename(request: Any, number: int) -> HttpResponse:
    """Give a kept query of one's own another name."""
    saved.rename(request.user, number, request.POST.get("name", ""))
    return render(request, "query_saved.html", {"saved": saved.visible(request.user)})


@needs("reader")
@require_POST
def drop(request: Any, number: int) -> HttpResponse:
    """Remove a kept query of one's own."""
    saved.remove(request.user, number)
    return render(request, "query_saved.html", {"saved": saved.visible(request.user)})


# --- writing ----------------------------------------------------------------------------------------------------------


@needs("writer")
@require_POST
def write(request: Any) -> JsonResponse:
    """A statement that may write: a job of the worker, after the target's name was typed."""
    body = body_of(request)
    try:
        return JsonResponse({"job": written(request, body)})
    except DbfleetError as error:
        return JsonResponse({"error": of_page(said(error)), "hint": of_page(error.hint or "")}, status=400)


def written(request: Any, body: dict[str, Any]) -> int:
    """Make the job; its number. Refused, or UsageError, where it may not be."""
    target, collection = allowed.target_of(body.get("target"))
    require(request, "writer", target.name)
    if body.get("typed") != target.name or collection:
        raise UsageError(f"to write there, type the target's name: {target.name}")
    arguments = {"target": target.name, "text": body.get("text"), "params": list(body.get("params") or ())}
    rights = request.rights
    with transaction.atomic():  # no job without its record; workers are called when both are there
        number = here.desk(request).make_job("statement", arguments)
        record = {"did": "write", "job": number, "reads_only": False, **text_on_record(str(body.get("text")))}
        who = {"who": rights.who, "role": rights.role(target.name), "token": rights.token}
        chain.append("statement", **who, target=target.name, body=record)
    return number


@needs("writer")
@require_GET
def job(request: Any, number: int) -> JsonResponse:
    """How a job of that kind stands, for the page that waits for it."""
    found = here.desk(request).job(number)
    if found["kind"] != "statement":
        raise Http404
    require(request, "writer", found["target"])
    facts = ("state", "rows", "error", "hint", "result")
    return JsonResponse({each: found[each] for each in facts})


# --- what requests hold -----------------------------------------------------------------------------------------------


def body_of(request: Any) -> dict[str, Any]:
    """The request's JSON object. UsageError for anything else."""
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError("the request's body is no JSON object")
    return found


def ids_of(given: Any) -> list[UUID]:
    """The ids of questions, at most 100. UsageError for what is none."""
    try:
        return [UUID(str(each)) for each in list(given or ())[:100] if each]
    except (ValueError, TypeError):
        raise UsageError("the id of a question is a UUID") from None


urlpatterns = [
    path("query", query, name="query"),
    path("query/run", run, name="query-run"),
    path("query/export", export, name="query-export"),
    path("query/heard", heard, name="query-heard"),
    path("query/cancel", cancel, name="query-cancel"),
    path("query/value/<uuid:question>/<int:number>", value, name="query-value"),
    path("query/history", history, name="query-history"),
    path("query/saved", keep, name="query-saved"),
    path("query/saved/<int:number>/rename", rename, name="query-saved-rename"),
    path("query/saved/<int:number>/remove", drop, name="query-saved-remove"),
    path("query/write", write, name="query-write"),
    path("query/write/<int:number>", job, name="query-written"),
]
