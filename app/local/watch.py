"""Watches the pipeline from outside until its books balance: reads the topics, asks Elasticsearch for its count."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer
from elasticsearch import TransportError

from app.elastic import client
from app.errors import Stop
from app.kafka.connection import connection
from app.local.books import Books, Tally
from app.local.child import Child
from app.read.fields import Document
from app.settings import Settings
from schemas.record import SOURCE

PAUSE: Final = 0.3  # seconds between two looks
PATIENCE: Final = 60.0  # seconds without any change, after which more waiting is no use


class Watch:
    def __init__(self, settings: Settings, children: Sequence[Child]) -> None:
        self._settings = settings
        self._children = children
        self._tally = Tally()
        self._open = AsyncExitStack()
        self._stored = 0
        self._client = client(settings)
        # The data stream is made by its first document, and its shards take a moment more.
        self._patient = self._client.options(ignore_status=(404, 503))
        # Without a group: it reads for itself, and leaves no trace.
        self._consumer = AIOKafkaConsumer(
            settings.documents_topic,
            settings.rejected_topic,
            **connection(settings),
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 << 20,
        )

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._client)
        await self._open.enter_async_context(self._consumer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def look(self, lines: int) -> Books:
        """As things stand. Raises Stop when one of the children has ended."""
        self._require_running()
        try:
            return await self._look(lines)
        except TransportError:
            await asyncio.sleep(PAUSE)
            self._require_running()
            raise

    def _require_running(self) -> None:
        for child in self._children:
            if not child.is_running:
                raise Stop(f"{child.name} ended with exit status {child.status}. {child.last_words}")

    async def _look(self, lines: int) -> Books:
        fetched: dict[Any, list[Any]] = await self._consumer.getmany()
        for records in fetched.values():
            for record in records:
                if record.topic == self._settings.documents_topic:
                    self._tally.document_block(dict(record.headers).get(SOURCE, b""), record.value)
                else:
                    self._tally.rejection(record.key)
        # A refresh costs Elasticsearch more than a thousand documents, and it refreshes by itself every second: it is
        # asked for one only where a moment matters, at the first document and after the last.
        if self._stored == 0 or self._tally.is_complete(lines):
            await self._patient.indices.refresh(index=self._settings.data_stream)
        counted = await self._patient.count(index=self._settings.data_stream)
        self._stored = int(counted.get("count", self._stored))
        return self._tally.books(lines, self._stored)

    async def until_balanced(self, lines: int, progress: Callable[[Books], None]) -> Books:
        """Returns early with books that do not balance when nothing changes any more."""
        books, changed = await self.look(lines), time.monotonic()
        while books.lost != 0 and time.monotonic() - changed < PATIENCE:
            await asyncio.sleep(PAUSE)
            seen, books = books, await self.look(lines)
            if books != seen:
                changed = time.monotonic()
                progress(books)
        return books

    async def count_by_event(self) -> dict[str, int]:
        found = await self._client.search(
            index=self._settings.data_stream,
            size=0,
            aggregations={"events": {"terms": {"field": "tetragon.event", "size": 50}}},
        )
        return {bucket["key"]: bucket["doc_count"] for bucket in found["aggregations"]["events"]["buckets"]}

    async def of_node(self, node: str) -> list[Document]:
        """Its first few thousand documents, oldest first."""
        found = await self._client.search(
            index=self._settings.data_stream,
            size=5_000,
            sort="@timestamp",
            query={"term": {"host.name": node}},
        )
        return [hit["_source"] for hit in found["hits"]["hits"]]
