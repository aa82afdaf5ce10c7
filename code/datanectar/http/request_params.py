"""The parameters of a request: in the query string, as a form, or as a JSON object."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Request, request
from werkzeug.formparser import FormDataParser

from datanectar.errors import BadRequest, PayloadTooLarge

#: How many levels of lists and objects a JSON body may have.
_DEEPEST = 50
#: How many parameters one request may have.
_MOST = 1000


class StrictRequest(Request):
    """A request that refuses a broken form; Flask treats it as an empty one."""

    def make_form_data_parser(self) -> FormDataParser:
        """Return werkzeug's parser, set to raise on a broken form."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser


def check_query_text() -> None:
    """Refuse a query string that is not UTF-8; werkzeug would replace the wrong bytes.

    Raises:
        BadRequest: when it is not UTF-8.
    """
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError as problem:
        raise BadRequest(f"The query string is not UTF-8 text: {problem.reason}.") from problem


def request_params() -> dict[str, Any]:
    """Return the request's parameters.

    Raises:
        BadRequest: when one is given twice, or the body can't be read.
        PayloadTooLarge: when the body is too large.
    """
    body = _json_pairs if request.mimetype == "application/json" else _form_pairs
    pairs: list[tuple[str, Any]] = [*request.args.items(multi=True), *body()]
    if len(pairs) > _MOST:
        raise BadRequest(f"{len(pairs)} parameters were given; {_MOST} is the most.")
    return _once_each(pairs)


def _form_pairs() -> list[tuple[str, Any]]:
    try:
        pairs = list(request.form.items(multi=True))
        _refuse_rest()
    except ValueError as problem:
        _refuse_rest()
        raise BadRequest(f"The body can't be read as {request.mimetype}: {problem}") from problem
    if request.files:
        files = dict.fromkeys(request.files, "a file; send text")
        raise BadRequest(f"A task takes no files, and got: {_listed(files)}.", fields=files)
    return pairs


def _json_pairs() -> list[tuple[str, Any]]:
    body = request.get_data()
    _refuse_rest()
    if not body.strip():
        return []
    try:
        content = json.loads(body, object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise BadRequest(f"The body can't be read as JSON: {problem}.") from problem
    if not isinstance(content, dict):
        raise BadRequest('The body is not a JSON object; send parameters as {"name": value, ...}.')
    if not _is_shallow(content, _DEEPEST):
        raise BadRequest(f"The body's JSON is nested more than {_DEEPEST} levels deep.")
    return list(content.items())


def _refuse_rest() -> None:
    """Refuse a chunked body beyond the limit; werkzeug returns its beginning and raises nothing."""
    if request.content_length is None and request.environ["wsgi.input"].read(1):
        raise PayloadTooLarge(f"The body is larger than {request.max_content_length} bytes.")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter(name for name, _ in pairs)
    twice = {name: "given more than once" for name, count in counts.items() if count > 1}
    if twice:
        raise BadRequest(f"Given more than once: {_listed(twice)}.", fields=twice)
    return dict(pairs)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number; send it as text")


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in items)


def _listed(names: dict[str, str]) -> str:
    return ", ".join(name[:100] for name in list(names)[:20])
