"""The API's own description: valid, whole, and typed as the chains are now."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from datanectar.api.openapi.document import describe
from datanectar.messages import ChainDescription, ParameterDescription, TaskDescription
from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def spec(web: Stack) -> dict[str, Any]:
    return dict(web.get("/openapi.json").json())


def parameters(spec: dict[str, Any], path: str) -> dict[str, Any]:
    found = spec["paths"][path]["post"]["parameters"]
    return {item["name"]: item for item in found if item["in"] == "query"}


@pytest.mark.slow
def test_it_is_valid_openapi_31(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(spec).validate()


def test_every_discovered_task_has_its_operation(web: Stack, spec: dict[str, Any]) -> None:
    chains = web.get("/api/chains").json()["data"]
    tasks = [task["api_href"].removeprefix(web.url) for c in chains for task in c["tasks"]]
    assert tasks
    assert not [path for path in tasks if "post" not in spec["paths"].get(path, {})]


def test_every_route_of_the_api_is_described(web: Stack, spec: dict[str, Any]) -> None:
    described = {path for path in spec["paths"] if "{" not in path}
    for path in ("/api/chains", "/api/chainstatus", "/api/runs", "/healthz", "/metrics"):
        assert path in described
    assert set(spec["paths"]["/api/runs/{run_id}"]) == {"get", "delete"}
    assert set(spec["paths"]["/api/targets/{target}"]) == {"get", "head", "delete"}


def test_parameters_are_typed_as_luigi_types_them(spec: dict[str, Any]) -> None:
    described = parameters(spec, "/api/chains/http/offers_chain/OfferTask")
    assert described["needed"]["required"]
    assert described["needed"]["schema"] == {"type": "integer"}
    assert described["needed"]["description"] == "how many (IntParameter)"
    day = {"type": "string", "format": "date", "default": "2026-06-03"}
    assert described["day"]["schema"] == day
    assert described["colour"]["schema"]["enum"] == ["RED", "BLUE"]
    assert described["quiet"]["schema"] == {"type": "boolean", "default": True}
    assert "Not part of the key" in described["quiet"]["description"]
    assert described["maybe"]["schema"]["anyOf"] == [{"type": "integer"}, {"const": ""}]
    assert "default" not in described["password"]["schema"]


def test_a_new_chain_has_its_operation_at_once(web: Stack) -> None:
    source = "from datanectar import NectarTask\nclass NewTask(NectarTask):\n    pass\n"
    web.chain("later/new_chain", source)
    assert "/api/chains/later/new_chain/NewTask" in web.get("/openapi.json").json()["paths"]


def test_an_error_body_has_the_shape_that_is_described(web: Stack, spec: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    response = web.post("http/offers_chain/OfferTask?needed=x")
    responses = spec["paths"]["/api/chains/http/offers_chain/OfferTask"]["post"]["responses"]
    assert str(response.status_code) in responses
    schema = spec["components"]["responses"]["400"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema).validate(response.json())
    assert "needed" in response.json()["data"]["fields"]


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/chains", "Chains"),
        ("/api/chains/http/offers_chain/OfferTask/key?needed=1", "Explanation"),
        ("/api/runs", "Runs"),
        ("/api/schedules", "Schedules"),
    ],
)
def test_responses_have_all_that_is_described_and_no_more(
    web: Stack, spec: dict[str, Any], path: str, shape: str
) -> None:
    from jsonschema import Draft202012Validator

    web.post("basic/plain_chain/GreetTask?name=described")
    strict = _closed({"$ref": f"#/components/schemas/{shape}", "components": spec["components"]})
    Draft202012Validator(strict).validate(web.get(path).json()["data"])


def _closed(schema: Any) -> Any:
    """Return a schema whose objects need all their properties and allow no other."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        return {**closed, "required": list(schema["properties"]), "additionalProperties": False}
    return closed


def test_tokens_are_described_where_they_are_needed() -> None:
    chain = ChainDescription(
        "t",
        "c_chain",
        "",
        tasks=[TaskDescription("ATask", "", [ParameterDescription("p", "Odd", True)])],
    )
    spec = describe([chain], "http://here", with_tokens=True)
    OpenAPIV31SpecValidator(spec).validate()
    assert spec["security"] == [{"bearer": []}, {"basic": []}]
    assert "security" not in describe([chain], "http://here")
