"""What a stage sends to Kafka, and what of it Kafka has not acknowledged yet."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from app.kafka.connection import producer_defaults
from app.settings import Settings

log = logging.getLogger(__name__)

# An output block is three times its input at most, and one line may be 5 MB.
MAX_REQUEST_BYTES: Final = 64 * 2**20
BATCH_BYTES: Final = 2**20
STOP_SECONDS: Final = 2.0

Acknowledgement = asyncio.Future[Any]


class Outbox:
    """An idempotent producer that can be replaced by a new one after it failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._expected: dict[Acknowledgement, None] = {}  # in order
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Waits until Kafka is there."""
        async with self._starting:
            while self._producer is None:
                await self._try_to_start()

    async def _try_to_start(self) -> None:
        producer = AIOKafkaProducer(
            **producer_defaults(self._settings), max_request_size=MAX_REQUEST_BYTES, max_batch_size=BATCH_BYTES
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            log.warning("waiting for Kafka servers=%s reason=%r", self._settings.kafka, error)
            await asyncio.sleep(1)
        except BaseException:
            await producer.stop()
            raise
        else:
            self._producer = producer

    async def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        timestamp: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> Acknowledgement:
        """Waits while the producer's buffer is full. The result fails with a KafkaError if Kafka did not take it."""
        if self._producer is None:
            await self.start()
        producer = self._producer
        assert producer is not None
        acknowledgement: Acknowledgement = await producer.send(
            topic, value, key=key, partition=partition, timestamp_ms=timestamp, headers=headers
        )
        if producer is not self._producer:
            acknowledgement.cancel()
        return self._expect(acknowledgement)

    async def renew(self) -> None:
        """After a failure: an idempotent producer that lost a batch cannot go on, and what it still holds is given up.

        Its blocks are made again from their checkpoint, so giving them up loses nothing. Whoever still waits for one of
        them, be it of a generation that is over, is not left waiting for a producer that is no more.
        """
        for acknowledgement in list(self._expected):
            acknowledgement.cancel()
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), STOP_SECONDS)
            except (TimeoutError, KafkaError) as error:
                log.warning("left Kafka with records unsent; they are made again at the next start reason=%r", error)
                await producer.client.close()

    def _expect(self, acknowledgement: Acknowledgement) -> Acknowledgement:
        self._expected[acknowledgement] = None
        acknowledgement.add_done_callback(self._settle)
        return acknowledgement

    def _settle(self, acknowledgement: Acknowledgement) -> None:
        """Whoever waits for it sees the failure; the event loop need not complain when nobody does any more."""
        del self._expected[acknowledgement]
        if not acknowledgement.cancelled():
            acknowledgement.exception()


async def acknowledged(acknowledgements: Sequence[Acknowledgement]) -> None:
    """Wait for all of them. Raises the KafkaError of the first that failed."""
    if acknowledgements:
        await asyncio.wait(acknowledgements)
    for each in acknowledgements:
        if each.cancelled():
            raise ProducerClosed
        failure = each.exception()
        if failure is not None:
            raise failure
