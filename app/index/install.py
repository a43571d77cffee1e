"""Puts the index template into Elasticsearch, or finds that it is there."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError

from app.errors import Stop
from app.index.bulk import error_reason
from app.index.template import MANAGED_BY, PRIORITY, REPLACEMENTS, index_template, missing_type, template_name


async def install(client: AsyncElasticsearch, data_stream: str) -> list[str]:
    """What was done, a line each. Raises ApiError or TransportError when Elasticsearch is away, Stop when it refuses.

    What operators put in this place themselves is left as it is.
    """
    await require_no_index(client, data_stream)
    name = template_name(data_stream)
    present = await template_of(client, name)
    if present is not None and not is_ours(present):
        return [f"index template {name}: not made by {MANAGED_BY}; left as it is"]
    lacking: frozenset[str] = frozenset()
    while True:
        template = index_template(data_stream, lacking)
        replaced = "".join(f"; {kind} is not there, {REPLACEMENTS[kind]} instead" for kind in sorted(lacking))
        if present is not None and present["_meta"].get("digest") == template["_meta"]["digest"]:
            done = ["already there"]
            break
        try:
            await client.indices.put_index_template(name=name, **_arguments(template))
        except ApiError as error:
            reason = refusal(error)
            kind = missing_type(reason)
            if error.meta.status != 400:
                raise
            if kind is None or kind in lacking:
                raise Stop(f"Elasticsearch refuses the index template {name!r}: {reason}.") from error
            lacking |= {kind}
            continue
        done = ["made"] if present is None else ["brought up to date", *await _extend(client, data_stream, template)]
        break
    await require_rank(client, data_stream)
    return [f"index template {name}: {done[0]}{replaced}", *done[1:]]


def refusal(error: ApiError) -> str:
    """Elasticsearch's words."""
    body = error.body
    return error_reason(body.get("error") if isinstance(body, dict) else body)


def _arguments(template: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("_"): value for name, value in template.items()}


async def template_of(client: AsyncElasticsearch, name: str) -> dict[str, Any] | None:
    try:
        found = await client.indices.get_index_template(name=name)
    except NotFoundError:
        return None
    present: dict[str, Any] = found["index_templates"][0]["index_template"]
    return present


async def _extend(client: AsyncElasticsearch, data_stream: str, template: Mapping[str, Any]) -> list[str]:
    """A template counts for the indices of tomorrow; the one that is written to today can gain fields."""
    try:
        await client.indices.put_mapping(
            index=data_stream, properties=template["template"]["mappings"]["properties"], write_index_only=True
        )
    except NotFoundError:
        return []
    except ApiError as error:
        if error.meta.status != 400:
            raise
        return [f"data stream {data_stream}: its newest index keeps its mapping until a rollover: {refusal(error)}"]
    return [f"data stream {data_stream}: its newest index has the new fields too"]


def is_ours(present: Mapping[str, Any]) -> bool:
    return bool(present.get("_meta", {}).get("managed_by") == MANAGED_BY)


def is_current(present: Mapping[str, Any], data_stream: str) -> bool:
    """Whether `install` would leave it, whatever field types this Elasticsearch lacks."""
    wanted = {
        index_template(data_stream, frozenset(lacking))["_meta"]["digest"]
        for count in range(len(REPLACEMENTS) + 1)
        for lacking in combinations(REPLACEMENTS, count)
    }
    return present.get("_meta", {}).get("digest") in wanted


async def require_no_index(client: AsyncElasticsearch, data_stream: str) -> None:
    """Raises Stop where an index or an alias has the name."""
    resolved = await _resolved(client, data_stream)
    for kind in ("indices", "aliases"):
        if any(found["name"] == data_stream for found in resolved.get(kind, ())):
            raise Stop(
                f"In Elasticsearch {data_stream!r} is one of the {kind}. Expected a data stream, or nothing yet: move "
                "it out of the way, or set another TETRASTASH_DATA_STREAM."
            )


async def newest_index(client: AsyncElasticsearch, data_stream: str) -> str | None:
    """The one that is written to; None before the first document."""
    streams = (await _resolved(client, data_stream)).get("data_streams", ())
    return next((str(each["backing_indices"][-1]) for each in streams if each["name"] == data_stream), None)


async def _resolved(client: AsyncElasticsearch, data_stream: str) -> Mapping[str, Any]:
    try:
        answer: Mapping[str, Any] = (await client.indices.resolve_index(name=data_stream)).body
    except NotFoundError:
        return {}
    return answer


async def require_rank(client: AsyncElasticsearch, data_stream: str) -> None:
    """Raises Stop when another template takes the data stream."""
    templates = (await client.indices.get_index_template())["index_templates"]
    before = [each["name"] for each in templates if _goes_before(each["index_template"], data_stream)]
    if before:
        raise Stop(
            f"For {data_stream!r} Elasticsearch takes the index template {before[0]!r}, whose priority is higher than "
            f"{PRIORITY}. Expected {template_name(data_stream)!r} to be the first: lower the priority of the other."
        )


def _goes_before(template: Mapping[str, Any], data_stream: str) -> bool:
    matches = any(fnmatchcase(data_stream, pattern) for pattern in template["index_patterns"])
    return matches and int(template.get("priority", 0)) > PRIORITY
