"""Puts the questions of app.index.questions to Elasticsearch."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, UnsupportedProductError

from app.index.bulk import error_reason, request_error
from app.index.questions import (
    Ahead,
    Ask,
    Asking,
    Copy,
    Delete,
    Find,
    Index,
    Indices,
    Page,
    Refresh,
    Search,
    Seen,
    Shard,
    Shards,
    T,
)

_GENERATION: Final = re.compile(r"-(\d{6,})$")
_EVERY: Final = "open,closed,hidden"
_AT_ONCE: Final = 2_000  # places asked, or copies deleted, in one request
_NAMES_AT_ONCE: Final = 20  # in a URL, of which Elasticsearch reads 4 KiB
_RESULTS: Final = 10_000  # of one search, at most
_NO_SEQ_NO: Final = -2
_HEADERS: Final = {"accept": "application/json", "content-type": "application/json"}
_LINES: Final = {"accept": "application/json", "content-type": "application/x-ndjson"}


class Unanswered(Exception):
    """With the reason."""


class Asker:
    """`client` is one of app.elastic.bulk_client. `trouble` says why the last who asked did not get every answer,
    None if he did."""

    def __init__(self, client: AsyncElasticsearch, data_stream: str) -> None:
        self.trouble: str | None = None
        self._client = client
        self._stream = quote(data_stream, safe="")

    async def ask(self, asking: Asking[T]) -> T:
        """May be cancelled at any time."""
        self.trouble = None
        answer: Any = None
        while True:
            try:
                ask = asking.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                answer = await self._answer(ask)
            except (ApiError, TransportError) as error:
                self.trouble, answer = reason_of(error), None
            except Unanswered as error:
                self.trouble, answer = str(error), None
            except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
                self.trouble, answer = f"the answer is not what Elasticsearch gives: {error!r}", None

    async def _answer(self, ask: Ask) -> Any:
        if isinstance(ask, Indices):
            return await self._indices()
        if isinstance(ask, Shards):
            return await self._shards(ask)
        if isinstance(ask, Refresh):
            for names in _parts(ask.names, _NAMES_AT_ONCE):
                await self._request("POST", f"/{','.join(names)}/_refresh", {"ignore_unavailable": "true"})
            return True
        if isinstance(ask, Ahead):
            return await self._ahead(ask)
        if isinstance(ask, Page):
            return await self._page(ask)
        if isinstance(ask, Search):
            return await self._search(ask)
        if isinstance(ask, Find):
            return await self._find(ask)
        return await self._delete(ask)

    async def _indices(self) -> list[Index]:
        try:
            told = await self._request(
                "GET",
                f"/{self._stream}/_settings/index.creation_date,index.uuid",
                {"expand_wildcards": _EVERY},
            )
        except NotFoundError:
            return []
        found = []
        for name, each in told.items():
            index = each["settings"]["index"]
            generation = _GENERATION.search(name)
            if generation is None:
                self.trouble = f"the backing index {name!r} has no generation in its name, and is not compared"
            else:
                found.append(Index(name, index["uuid"], int(generation[1]), int(index["creation_date"])))
        return found

    async def _shards(self, ask: Shards) -> dict[str, list[Shard]]:
        """Leaves out an index of which a primary is not there."""
        told = await self._request(
            "GET",
            f"/{self._stream}/_stats/docs",
            {
                "level": "shards",
                "ignore_unavailable": "true",  # of the closed ones
                "expand_wildcards": "open,hidden",
                "filter_path": "indices.*.shards.*.routing.primary,indices.*.shards.*.seq_no",
            },
        )
        found = {}
        for name, index in told.get("indices", {}).items():
            primaries = {
                int(number): copy["seq_no"]
                for number, copies in index.get("shards", {}).items()
                for copy in copies
                if copy.get("routing", {}).get("primary") and "seq_no" in copy
            }
            if name in ask.names and primaries and set(primaries) == set(range(len(primaries))):
                found[name] = [
                    Shard(primaries[number]["global_checkpoint"], primaries[number]["max_seq_no"])
                    for number in sorted(primaries)
                ]
        return found

    async def _ahead(self, ask: Ahead) -> int:
        later = {"gt": f"now+{ask.by // 1000}s"}
        conditions = [{"range": {"_seq_no": {"gt": ask.after, "lte": ask.upto}}}, {"range": {"@timestamp": later}}]
        query = {"bool": {"filter": conditions}}
        path = f"/{ask.name}/_count"
        told = await self._request("POST", path, {"preference": f"_shards:{ask.shard}"}, {"query": query})
        return int(told["count"])

    async def _page(self, ask: Page) -> list[Seen]:
        conditions: list[dict[str, Any]] = [{"range": {"_seq_no": {"gt": ask.after, "lte": ask.upto}}}]
        if ask.before is not None:
            conditions.append({"range": {"@timestamp": {"lt": ask.before, "format": "epoch_millis"}}})
        told = await self._request(
            "POST",
            f"/{ask.name}/_search",
            {
                "preference": f"_shards:{ask.shard}",
                "allow_partial_search_results": "false",
                "filter_path": "timed_out,_shards.failed,"
                "hits.hits._id,hits.hits._seq_no,hits.hits._primary_term,hits.hits.fields",
            },
            {
                "size": ask.size,
                "query": {"bool": {"filter": conditions}},
                "sort": [{"_seq_no": "asc"}],
                "docvalue_fields": [{"field": "@timestamp", "format": "epoch_millis"}],
                "seq_no_primary_term": True,
                "_source": False,
                "track_total_hits": False,
            },
        )
        return [_seen(hit) for hit in _hits(told, [ask.name])]

    async def _search(self, ask: Search) -> dict[tuple[str, str], Copy]:
        found = {}
        for names in _parts(ask.names, _NAMES_AT_ONCE):
            # So few that even if each lies in every index, one answer has room for all.
            for ids in _parts(ask.ids, _RESULTS // len(names)):
                told = await self._request(
                    "POST",
                    f"/{','.join(names)}/_search",
                    {
                        "allow_partial_search_results": "false",
                        "filter_path": "timed_out,_shards.failed,"
                        "hits.hits._index,hits.hits._id,hits.hits._seq_no,hits.hits._primary_term",
                    },
                    {
                        "size": _RESULTS,
                        "query": {"bool": {"filter": {"ids": {"values": ids}}}},
                        "sort": ["_doc"],
                        "seq_no_primary_term": True,
                        "_source": False,
                        "track_total_hits": False,
                    },
                )
                for hit in _hits(told, names):
                    found[hit["_index"], hit["_id"]] = Copy(hit["_seq_no"], hit["_primary_term"])
        return found

    async def _find(self, ask: Find) -> dict[tuple[str, str], Copy | None]:
        found: dict[tuple[str, str], Copy | None] = {}
        for places in _parts(ask.wanted, _AT_ONCE):
            told = await self._request(
                "POST",
                "/_mget",
                {"_source": "false", "filter_path": "docs._seq_no,docs._primary_term,docs.found,docs.error.type"},
                {"docs": [{"_index": name, "_id": id_} for name, id_ in places]},
            )
            for place, each in zip(places, told["docs"], strict=True):
                if each.get("found"):
                    found[place] = Copy(each["_seq_no"], each["_primary_term"])
                elif "found" in each:
                    found[place] = None
                else:
                    self.trouble = f"{place[0]!r} cannot be asked: {each.get('error', {}).get('type')}"
        return found

    async def _delete(self, ask: Delete) -> set[tuple[str, str]]:
        gone = set()
        for copies in _parts(ask.doomed, _AT_ONCE):
            lines = [
                {"delete": {"_index": name, "_id": id_, "if_seq_no": copy.seq_no, "if_primary_term": copy.term}}
                for name, id_, copy in copies
            ]
            parameters = {"filter_path": "items.delete.status,items.delete.result,items.delete.error"}
            told = await self._request("POST", "/_bulk", parameters, *lines)
            for (name, id_, _), item in zip(copies, told["items"], strict=True):
                answer = item["delete"]
                # Not found without an error is the document; with one it is the index, of which nothing is known.
                if "error" not in answer and answer["status"] in (200, 404):
                    gone.add((name, id_))
                else:
                    self.trouble = f"{name!r} does not let a copy go: {error_reason(answer.get('error'))}"
        return gone

    async def _request(self, method: str, path: str, parameters: Mapping[str, str], *body: Mapping[str, Any]) -> Any:
        """Several objects as `body` are lines."""
        told = await self._client.perform_request(
            method,
            path,
            params=parameters,
            headers=_HEADERS if len(body) < 2 else _LINES,
            body=[orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in body] or None,
        )
        return orjson.loads(told.body)


def _hits(told: Mapping[str, Any], names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    if told.get("timed_out") or told["_shards"]["failed"]:
        raise Unanswered(f"a search in {', '.join(names)} did not come to its end")
    hits: Sequence[Mapping[str, Any]] = told.get("hits", {}).get("hits", ())
    return hits


def _seen(hit: Mapping[str, Any]) -> Seen:
    seq_no = hit.get("_seq_no", _NO_SEQ_NO)
    if seq_no == _NO_SEQ_NO:
        raise Unanswered("this data stream has no sequence numbers, and cannot be compared. Expected them switched on")
    times = hit.get("fields", {}).get("@timestamp")
    return Seen(hit["_id"], Copy(seq_no, hit["_primary_term"]), int(float(times[0])) if times else None)


def _parts(every: Sequence[Any], size: int) -> Iterator[list[Any]]:
    left = iter(every)
    while part := list(islice(left, size)):
        yield part


def reason_of(error: ApiError | TransportError) -> str:
    if isinstance(error, UnsupportedProductError):
        return "what answers there is not Elasticsearch"
    if isinstance(error, ApiError):
        told = request_error(error.body)
        where = f"{told['index']!r}: " if isinstance(told, dict) and "index" in told else ""
        return f"{where}{error.meta.status} {error_reason(told)}"
    return f"{type(error).__name__}: {error.message}"
