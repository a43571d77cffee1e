"""Elasticsearch: whether it is reached, lets this user in, and has what documents need."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch

from app import elastic
from app.check.finding import Finding, failed, ok, refused, skipped, warning
from app.check.mapping import unlike
from app.elastic.reach import why_elasticsearch_fails
from app.errors import Stop, TetrastashError
from app.index.install import is_current, is_ours, newest_index, refusal, require_no_index, require_rank, template_of
from app.index.template import MANAGED_BY, template_name
from app.settings import Settings

REACH_SECONDS: Final = 1.5
ANSWER_SECONDS: Final = 8.0  # for all that is asked of an Elasticsearch that is reached
OLDEST: Final = (8, 16)

CLUSTER_RIGHTS: Final = ("monitor",)
STREAM_RIGHTS: Final = ("create_doc", "auto_configure", "read", "monitor")
SWEEP_RIGHTS: Final = ("view_index_metadata", "maintenance", "delete")
SETUP_RIGHT: Final = "manage_index_templates"

_NO_SUCH_API: Final = frozenset((400, 404, 405, 410, 501))
_SETUP: Final = "Run `tetrastash setup`"


async def elasticsearch_findings(settings: Settings) -> list[Finding]:
    """Each URL by itself; the first that answers is asked for all the rest."""
    urls = [url.strip() for url in settings.elasticsearch.split(",")]
    nodes = [settings.model_copy(update={"elasticsearch": url}) for url in urls]
    reached = await asyncio.gather(*map(_reach, nodes))
    found: list[Finding] = []
    first: tuple[Settings, Mapping[str, Any]] | None = None
    some = any(not isinstance(answer, Finding) for answer in reached)
    for node, answer in zip(nodes, reached, strict=True):
        if isinstance(answer, Finding):
            found.append(answer._replace(status="warning") if some else answer)
        elif first is None:
            first = node, answer
    if first is None:
        return [*found, skipped("index template", "not looked at, for Elasticsearch is not reached")]
    node, rights = first
    found.append(ok("elasticsearch", f"answers at {node.elasticsearch!r}"))
    found += rights_findings(settings, rights)
    try:
        async with asyncio.timeout(ANSWER_SECONDS), elastic.client(node) as client:
            may_set_up = bool(rights.get("cluster", {}).get(SETUP_RIGHT, True))
            await _look(client, settings.data_stream, found, may_set_up=may_set_up)
    except TimeoutError:
        found.append(failed("elasticsearch", f"no answer within {ANSWER_SECONDS:.0f} s.", "Look at its load."))
    except (ApiError, TransportError) as error:
        found.append(refused("elasticsearch", why_elasticsearch_fails(node, error)))
    return found


async def _reach(settings: Settings) -> Finding | Mapping[str, Any]:
    """What this user may do, as Elasticsearch tells it; nothing where it has no security."""
    stream_rights = [*STREAM_RIGHTS, *SWEEP_RIGHTS]
    try:
        async with asyncio.timeout(REACH_SECONDS), elastic.client(settings) as client:
            answer = await client.security.has_privileges(
                cluster=[*CLUSTER_RIGHTS, SETUP_RIGHT],
                index=[{"names": [settings.data_stream], "privileges": stream_rights}],
            )
            told: Mapping[str, Any] = answer.body
            return told
    except TimeoutError:
        reason = f"no answer within {REACH_SECONDS} s"
        return failed(
            "elasticsearch",
            f"Elasticsearch cannot be reached at {settings.elasticsearch!r}: {reason}.",
            "See TETRASTASH_ELASTICSEARCH, and what lies in between.",
        )
    except ApiError as error:
        if error.meta.status in _NO_SUCH_API and error.meta.headers.get("x-elastic-product"):
            return {}
        return refused("elasticsearch", why_elasticsearch_fails(settings, error))
    except TransportError as error:
        return refused("elasticsearch", why_elasticsearch_fails(settings, error))
    except TetrastashError as error:  # an authority's file
        return refused("elasticsearch", error)


def rights_findings(settings: Settings, rights: Mapping[str, Any]) -> list[Finding]:
    if not rights:
        return [ok("elasticsearch rights", "none needed: this Elasticsearch has no security, or it is switched off")]
    user = rights.get("username")
    cluster, stream = rights.get("cluster", {}), rights.get("index", {}).get(settings.data_stream, {})
    lacking = [f"{right} on the cluster" for right in CLUSTER_RIGHTS if not cluster.get(right)]
    lacking += [f"{right} on {settings.data_stream}" for right in STREAM_RIGHTS if not stream.get(right)]
    grant = "Grant it with a role, or in the API key's role descriptors."
    if lacking:
        return [failed("elasticsearch rights", f"user {user!r} lacks {', '.join(lacking)}.", grant)]
    found = [ok("elasticsearch rights", f"user {user!r} has {', '.join((*CLUSTER_RIGHTS, *STREAM_RIGHTS))}")]
    unswept = [right for right in SWEEP_RIGHTS if not stream.get(right)] if settings.sweep else []
    if unswept:
        told = f"user {user!r} lacks {', '.join(unswept)} on {settings.data_stream}: what is sent again over a rollover"
        found.append(warning("elasticsearch rights", f"{told} stays stored twice.", grant))
    return found


async def _look(client: AsyncElasticsearch, data_stream: str, found: list[Finding], *, may_set_up: bool) -> None:
    version = await _version(client)
    if version is not None and version < OLDEST:
        found.append(
            failed(
                "elasticsearch",
                f"its version is {'.'.join(map(str, version))}.",
                f"Expected {'.'.join(map(str, OLDEST))} or later.",
            )
        )
    template = await _template(client, data_stream, found, may_set_up=may_set_up)
    await _stream(client, data_stream, template, found)


async def _version(client: AsyncElasticsearch) -> tuple[int, ...] | None:
    """None where this user, or this assembly of Elasticsearch, is not told."""
    try:
        answer = await client.info()
        return tuple(int(part) for part in str(answer["version"]["number"]).split("-")[0].split(".")[:2])
    except (ApiError, KeyError, ValueError):
        return None


async def _template(
    client: AsyncElasticsearch, data_stream: str, found: list[Finding], *, may_set_up: bool
) -> dict[str, Any] | None:
    name, check = template_name(data_stream), "index template"
    todo = f"{_SETUP}." if may_set_up else f"{_SETUP} as a user with the cluster right {SETUP_RIGHT}."
    try:
        present = await template_of(client, name)
        if present is None:
            found.append(failed(check, f"{name} is missing.", todo))
        elif not is_ours(present):
            found.append(warning(check, f"{name} is not made by {MANAGED_BY}.", "It is yours to keep up to date."))
        elif not is_current(present, data_stream):
            found.append(failed(check, f"{name} is of another version of {MANAGED_BY}.", todo))
        else:
            found.append(ok(check, f"{name} is as this version makes it"))
        await require_rank(client, data_stream)
    except Stop as error:
        found.append(refused(check, error))
    except ApiError as error:
        if error.meta.status != 403:
            raise
        found.append(skipped(check, f"not looked at, for this user may not: {refusal(error)}"))
        return None
    return present


async def _stream(
    client: AsyncElasticsearch, data_stream: str, template: Mapping[str, Any] | None, found: list[Finding]
) -> None:
    check = "data stream"
    try:
        await require_no_index(client, data_stream)
        index = await newest_index(client, data_stream)
        if index is None:
            found.append(ok(check, f"{data_stream} is not there yet; the first document makes it"))
            return
        mapping = (await client.indices.get_mapping(index=index))[index]["mappings"]
    except TetrastashError as error:
        found.append(refused(check, error))
    except ApiError as error:
        if error.meta.status != 403:
            raise
        found.append(skipped(check, f"not looked at, for this user may not: {refusal(error)}"))
    else:
        found.append(stream_finding(data_stream, index, mapping, template))


def stream_finding(
    data_stream: str, index: str, mapping: Mapping[str, Any], template: Mapping[str, Any] | None
) -> Finding:
    """`index` is the one that is written to."""
    check, rollover = "data stream", f"POST {data_stream}/_rollover gives the stream a new index, of today's template."
    if mapping.get("_meta", {}).get("managed_by") != MANAGED_BY and (template is None or is_ours(template)):
        return failed(
            check,
            f"{index}, which is written to, was made by another index template: fields may lack or refuse values.",
            f"{_SETUP}; then {rollover}",
        )
    wanted = template.get("template", {}).get("mappings", {}).get("properties", {}) if template is not None else {}
    found = list(unlike(wanted, mapping.get("properties", {})))
    if found:
        more = f", and {len(found) - 3} fields more" if len(found) > 3 else ""
        return warning(
            check,
            f"{index}, which is written to, is not as its template would make it now: {', '.join(found[:3])}{more}.",
            f"{_SETUP}, which adds what can be added; {rollover}",
        )
    return ok(check, f"{data_stream} has the fields of its template")
