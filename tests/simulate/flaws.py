"""A worker without one of its protections: what the simulation must find, else it proves nothing."""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from app.index import delivery, indexer
from app.index.conflicts import Conflict, Looked
from app.index.questions import Asking
from app.stream import checkpoint, indexing, owned, sweeping
from app.stream.enriching import Enriching
from app.stream.indexing import Indexing
from app.stream.outbox import Acknowledgement
from tests.faults.unprotected import BelievingPartition, believed
from tests.index.flawed import Backward, Idle, Trusting
from tests.simulate.kafka import SimulatedOutbox


class Flaw(NamedTuple):
    """What takes the place of the program's own."""

    enriching: type[Enriching] = Enriching
    indexing: type[Indexing] = Indexing
    outbox: type[SimulatedOutbox] = SimulatedOutbox
    replaced: tuple[tuple[Any, str, Any], ...] = ()


class _KeepingItsState(Enriching):
    """A new generation goes on with what memory and position are, whatever others have done meanwhile."""

    async def _restore(self, number: int, generation: int, beginning: int) -> int:
        owned = self._owned.get(number)
        if owned is None:
            return await super()._restore(number, generation, beginning)
        owned.position.assign(generation, owned.position.due)
        owned.leaving = owned.broken = False
        return owned.position.due


class _Promising(SimulatedOutbox):
    """Gives its word for documents at once, and sends them when it comes to it."""

    async def send(self, topic: str, *record: Any, **more: Any) -> Acknowledgement:
        sent = await super().send(topic, *record, **more)
        if not topic.endswith(".documents"):
            return sent
        promised: Acknowledgement = self._broker.world.loop.create_future()
        promised.set_result(None)
        return promised


class _Hurried(Indexing):
    """Commits what is stored, whatever before it is not."""

    async def _commit(self) -> None:
        for each in self._owned.values():
            done = [waiting for waiting in each._waiting if waiting.done]
            if done:
                each.stored_to = max(each.stored_to, done[-1].next_offset)
        await super()._commit()


def _believing(conflicts: Collection[Conflict]) -> Asking[Looked]:
    """What is stored already by Elasticsearch's word is."""
    yield from ()
    return Looked(kept=conflicts)


def _one_key(_upto: int, _writer: str, _number: int) -> bytes:
    """So that the last to write is the one who is believed, a zombie too."""
    return b"%020d/one/0" % 0


FLAWS: Final = {
    "answers": Flaw(replaced=((delivery, "read_answer", believed),)),
    "conflicts": Flaw(replaced=((indexer, "look", _believing),)),
    "generations": Flaw(enriching=_KeepingItsState),
    "keys": Flaw(replaced=((checkpoint, "record_key", _one_key),)),
    "order": Flaw(outbox=_Promising),
    "positions": Flaw(replaced=((owned, "Partition", BelievingPartition), (indexing, "Partition", BelievingPartition))),
    "prefix": Flaw(indexing=_Hurried),
    "sweep": Flaw(replaced=((sweeping, "Sweep", Idle),)),
    "sweep's step 3": Flaw(replaced=((sweeping, "Sweep", Backward),)),
    "sweep's step 4": Flaw(replaced=((sweeping, "Sweep", Trusting),)),
}


@contextlib.contextmanager
def without(name: str | None) -> Iterator[Flaw]:
    flaw = FLAWS[name] if name is not None else Flaw()
    before = [(module, attribute, getattr(module, attribute)) for module, attribute, _ in flaw.replaced]
    try:
        for module, attribute, substitute in flaw.replaced:
            setattr(module, attribute, substitute)
        yield flaw
    finally:
        for module, attribute, original in before:
            setattr(module, attribute, original)
