"""Brings document blocks into the data stream, and returns only when every document of them is accounted for."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec
from elastic_transport import TlsError, TransportError
from elasticsearch import ApiError, AsyncElasticsearch, UnsupportedProductError

from app.index.asker import Asker, reason_of
from app.index.bulk import FILTER, LIMIT, Action, Again, Block, Blocked, bodies, document_id, read_answer
from app.index.conflicts import look
from app.index.delivery import Delivery, Step
from app.index.mend import mended
from app.index.occasional import Occasional
from schemas.identity import placed_id
from schemas.rejection import Origin, Rejection

log = logging.getLogger(__name__)

HEALTH: Final = "elasticsearch"
# One cut connection or one full queue is everyday life.
ATTEMPTS_BEFORE_UNHEALTHY: Final = 3
SMALLEST_LIMIT: Final = 64 * 1024
GREET_PAUSE: Final = 2.0  # seconds

_HEADERS: Final = {"accept": "application/json", "content-type": "application/x-ndjson"}
# Without a template the name would silently become a plain index.
_PARAMETERS: Final = {"filter_path": FILTER, "require_data_stream": "true"}


class Indexed(NamedTuple):
    """`repeated`: stored already, by another sending of the same event. The rejections are the caller's to send on."""

    stored: int
    repeated: int
    rejections: list[Rejection]


class Counters(msgspec.Struct):
    """Since the start. `retried` counts documents that were sent again, `seconds` those spent in requests."""

    requests: int = 0
    stored: int = 0
    repeated: int = 0
    retried: int = 0
    rejected: int = 0
    seconds: float = 0.0


class Indexer:
    """`client` is one of app.elastic.bulk_client. `health` is told (name, ok, reason) when one of them changes.

    Several `index` calls may be under way at once.
    """

    def __init__(
        self,
        client: AsyncElasticsearch,
        data_stream: str,
        *,
        health: Callable[[str, bool, str], None],
        asker: Callable[[AsyncElasticsearch, str], Asker] = Asker,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
        limit: int = LIMIT,
    ) -> None:
        self.counters = Counters()
        self._client = client
        self._data_stream = data_stream
        self._path = f"/{quote(data_stream, safe='')}/_bulk"
        self._asker = asker
        self._health = health
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._limit = limit
        self._troubled: dict[int, str] = {}
        self._reason: str | None = None  # why it takes nothing, empty when it does; nobody knows yet
        self._occasional = Occasional()

    async def index(self, blocks: Sequence[Block]) -> Indexed:
        """Tries for ever: the wait is the backpressure. May be cancelled at any time; sending it all again is safe."""
        rejections: list[Rejection] = []
        stored = repeated = 0
        for body in bodies(blocks, self._limit):
            delivery = Delivery(body)
            await self._deliver(delivery)
            stored += delivery.stored
            repeated += delivery.repeated
            for refused in delivery.refused:
                again = await self._deliver_mended(refused.action)
                if again is None or again.refused:
                    rejections.append(_rejection(refused.action, refused.reason))
                else:
                    stored += again.stored
                    repeated += again.repeated
        self.counters.rejected += len(rejections)
        for rejection in rejections:
            self._say_rejected(rejection)
        return Indexed(stored, repeated, rejections)

    async def greet(self) -> None:
        """Returns once Elasticsearch answers and knows who asks; a worker with nothing to index would not learn it."""
        while self._reason is None:
            try:
                verdict = read_answer(*await self._post([b"\n"]), documents=0)
            except (ApiError, TransportError) as error:
                verdict = Again(reason_of(error))
            if isinstance(verdict, Again | Blocked):
                self._health(HEALTH, False, verdict.reason)
                if self._occasional.due("greet", self._clock()) is not None:
                    log.warning("Waiting for Elasticsearch. reason=%s", verdict.reason)
                await self._sleep(GREET_PAUSE)
            else:
                # To refuse a request that holds nothing is right.
                self._tell_health()

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            while (body := delivery.body()) is not None or delivery.conflicts:
                step = await (self._attempt(delivery, body) if body is not None else self._look(delivery))
                self._judge(delivery, step)
                if step.pause:
                    await self._sleep(self._random() * step.pause)
        finally:
            self._troubled.pop(id(delivery), None)

    async def _deliver_mended(self, action: Action) -> Delivery | None:
        document = mended(action.document)
        if document is None:
            return None
        delivery = Delivery([action.block._replace(data=b"%b\n%b\n" % (action.command, document), documents=1)])
        await self._deliver(delivery)
        return delivery

    async def _attempt(self, delivery: Delivery, body: list[bytes]) -> Step:
        counters = self.counters
        sent, taken = delivery.left, counters.stored + counters.repeated
        stored, repeated, settled = delivery.stored, delivery.repeated, delivery.settled
        began = self._clock()
        try:
            status, answer = await self._post(body)
        except (UnsupportedProductError, TlsError) as error:
            step = delivery.unusable(reason_of(error))
        except TransportError as error:
            step = delivery.unanswered(reason_of(error))
        else:
            if status == 413:
                self._limit = max(SMALLEST_LIMIT, min(self._limit, sum(map(len, body)) // 2))
            step = delivery.answered(status, answer, self._clock(), taken)
        counters.requests += 1
        counters.seconds += self._clock() - began
        counters.stored += delivery.stored - stored
        counters.repeated += delivery.repeated - repeated
        # A block may hold other documents than it was told of.
        counters.retried += max(0, sent - (delivery.settled - settled))
        return step

    async def _look(self, delivery: Delivery) -> Step:
        """At what Elasticsearch says is stored already."""
        stored, repeated, settled = delivery.stored, delivery.repeated, delivery.settled
        asker = self._asker(self._client, self._data_stream)
        looked = await asker.ask(look(delivery.conflicts))
        step = delivery.looked(looked, asker.trouble)
        self.counters.stored += delivery.stored - stored
        self.counters.repeated += delivery.repeated - repeated
        self.counters.retried += settled - delivery.settled
        return step

    async def _post(self, body: list[bytes]) -> tuple[int, bytes]:
        try:
            response = await self._client.perform_request(
                "POST", self._path, params=_PARAMETERS, headers=_HEADERS, body=body
            )
        except UnsupportedProductError:
            raise
        except ApiError as error:
            return error.meta.status, error.body
        return response.meta.status, response.body

    def _judge(self, delivery: Delivery, step: Step) -> None:
        """Tells the log and the health check what stands in the way, and when it is gone."""
        if step.trouble is None:
            self._troubled.pop(id(delivery), None)
        else:
            held_back = self._occasional.due("blocked" if step.blocked else "again", self._clock())
            if held_back is not None:
                log.warning(
                    "Elasticsearch does not take documents, which wait and are tried again. documents=%d reason=%s "
                    "alike=%d",
                    delivery.left or len(delivery.conflicts),
                    step.trouble,
                    held_back,
                )
            if step.blocked or step.attempts >= ATTEMPTS_BEFORE_UNHEALTHY:
                self._troubled[id(delivery)] = step.trouble
        if step.trouble is None or self._troubled:
            self._tell_health()

    def _tell_health(self) -> None:
        reason = next(iter(self._troubled.values()), "")
        if reason == self._reason:
            return
        if not reason and self._reason is not None:
            log.info("Elasticsearch takes documents again.")
        self._reason = reason
        self._health(HEALTH, not reason, reason)

    def _say_rejected(self, rejection: Rejection) -> None:
        # The beginning of the reason is its status and type; what follows names the document.
        held_back = self._occasional.due(rejection.reason.partition(":")[0], self._clock())
        if held_back is not None:
            log.warning(
                "Elasticsearch refused a document, which becomes a dead letter. id=%s reason=%s alike=%d",
                rejection.id,
                rejection.reason,
                held_back,
            )


def _rejection(action: Action, reason: str) -> Rejection:
    block = action.block
    place = b"%b:%d:%d:%d" % ((block.topic or "").encode(), block.partition or 0, block.offset or 0, action.line)
    return Rejection(
        id=document_id(action) or placed_id(place, block.key or b"", action.document),
        stage="index",
        reason=reason,
        origin=Origin(topic=block.topic, partition=block.partition, offset=block.offset, line=action.line),
        key=block.key,
        original=action.document,
    )
