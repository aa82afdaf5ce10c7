"""Builds an operation of the description."""

from __future__ import annotations

from collections.abc import Sequence

from datanectar.api.openapi.schemas import Json, json_content

#: The errors of an operation that runs a task, and what is said of its success.
RUN_ERRORS = (400, 404, 409, 422, 429, 503)
RUN_SUCCESS = "The run that makes the result, or the result that is there."


def get(name: str, tag: str, summary: str, schema: str, parameters: Sequence[Json] = ()) -> Json:
    """Return a GET that responds with a schema of this name."""
    errors = (400, 404, 503) if parameters else (503,)
    return operation(name, tag, summary, json_content(schema), errors=errors, parameters=parameters)


def operation(
    name: str,
    tag: str,
    summary: str,
    content: Json,
    *,
    success: str | None = None,
    errors: tuple[int, ...] = (),
    parameters: Sequence[Json] = (),
) -> Json:
    """Return an operation whose response, when all goes well, has this content."""
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": success or summary, "content": content},
            **{str(code): {"$ref": f"#/components/responses/{code}"} for code in errors},
            "default": {"$ref": "#/components/responses/default"},
        },
    }
