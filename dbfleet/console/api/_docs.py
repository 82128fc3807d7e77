"""The page that documents the API: each operation with the role that it needs and what it takes. It is made from the
OpenAPI schema and from the operations, loads nothing, and so works without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from dbfleet.console.rooms import modules


class Page(DocsBase):
    """The page, in the console's own frame."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        """GET /api/docs."""
        schema = api.get_openapi_schema()
        needed = dict(_needed())
        rooms: dict[str, list[dict[str, Any]]] = {}
        for path, methods in schema["paths"].items():
            for method, found in methods.items():
                shown = {
                    "method": method.upper(),
                    "path": path,
                    "about": found.get("description") or found.get("summary", ""),
                    "needs": needed.get((method.upper(), path), ""),
                    "parameters": found.get("parameters", []),
                    "body": _body(found, schema),
                }
                rooms.setdefault((found.get("tags") or [""])[0], []).append(shown)
        facts = {"rooms": sorted(rooms.items()), "about": api.description, "openapi": self.get_openapi_url(api, {})}
        return render(request, "api_docs.html", facts)


def _needed() -> Iterator[tuple[tuple[str, str], str]]:
    """The role that each operation needs."""
    for module in modules("dbfleet.console.api"):
        router = getattr(module, "router", None)
        for path, view in router.path_operations.items() if router else ():
            for operation in view.operations:
                need = getattr(operation.view_func, "needs")  # noqa: B009 - no operation is without
                # The schema tells a path without the type of its arguments.
                plain = (
                    "/api"
                    + module.PREFIX
                    + "".join("{" + part.rpartition(":")[2] if part.startswith("{") else part for part in _parts(path))
                )
                for method in operation.methods:
                    yield (method, plain), need.role + (f" on {need.target}" if need.target else "")


def _parts(path: str) -> list[str]:
    """A path, cut before each of its arguments."""
    head, *rest = path.split("{")
    return [head, *("{" + each for each in rest)]


def _body(found: dict[str, Any], schema: dict[str, Any]) -> str:
    """What an operation takes, as JSON with a word in place of each value; empty where it takes nothing."""
    content = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if not content:
        return ""
    return json.dumps(_example(content, schema, 0), indent=2, ensure_ascii=False)


def _example(part: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    if "$ref" in part:
        part = schema["components"]["schemas"].get(part["$ref"].rpartition("/")[2], {})
    if depth > 4:
        return "…"
    if "default" in part:
        return part["default"]
    kinds = [each for each in part.get("anyOf", ()) if each.get("type") != "null"]
    if kinds:
        return _example(kinds[0], schema, depth + 1)
    if part.get("type") == "object" or "properties" in part:
        return {name: _example(each, schema, depth + 1) for name, each in part.get("properties", {}).items()}
    if part.get("type") == "array":
        return [_example(part.get("items", {}), schema, depth + 1)]
    return part.get("format") or part.get("type") or "…"
