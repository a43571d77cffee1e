"""Blocks of lines become blocks of documents and dead letters: decode, remember, enrich. Pure but for the memory."""

from collections.abc import Container, Generator, Sequence
from typing import Any, Final

import msgspec
import orjson

from agents import Agent
from app.enrich.additions import Added, Failure, Ready, fit_for_json, merge, run
from app.enrich.blocks import Enriched, Line, Output, Source, whole_lines_of
from app.enrich.decode import NoEvent, decode
from app.enrich.document import KEYLESS, document_of
from app.enrich.drops.rules import KEPT, OWNER, Dropped, Rule, Rules
from app.enrich.learn import learn
from app.enrich.memory import Memory, Scope
from app.enrich.names import is_found, settle
from app.enrich.trace import trace
from schemas.ledger import Row, Statement
from schemas.operation.socket_events import EVENTS
from schemas.record import STATEMENT, Record
from schemas.rejection import Stage
from schemas.tetragon import THROTTLED, Event, Process, ProcessThrottle, RateLimitInfo
from schemas.times import nanoseconds

BLOCK_LIMIT: Final = 1 << 20  # bytes of one block of documents
FATAL: Final = "the process ended at this line, again and again"

_STATEMENT: Final = msgspec.json.Decoder(Statement)


class Pipeline:
    """`original` keeps each event as it was written, in event.original; `explain` tells of each line that a rule drops.

    What is dropped is no document, and no agent sees it. But the process tree has learnt from it: the ancestors of what
    stays are the same with rules and without.
    """

    def __init__(
        self,
        agents: Sequence[Agent],
        *,
        original: bool = True,
        block_limit: int = BLOCK_LIMIT,
        drops: Rules | None = None,
        explain: bool = False,
    ) -> None:
        self._original = original
        self._drops = drops
        self._explain = explain
        self._block_limit = block_limit
        ready = [(agent.events, Ready(agent)) for agent in agents]
        self._by_event = {name: [each for events, each in ready if events is None or name in events] for name in EVENTS}
        self._for_unknown = [each for events, each in ready if events is None]

    def enrich(self, memory: Memory, record: Record) -> Enriched:
        """Documents and dead letters in the order of lines. No line is lost but to a rule, and none raises."""
        steps = self.steps(memory, record)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                enriched: Enriched = done.value
                return enriched

    def steps(self, memory: Memory, record: Record, given_up: Container[int] = ()) -> Generator[int, None, Enriched]:
        """The same line by line: stops before each, with its number. Those given up become dead letters unread."""
        source = Source(record)
        output = Output(source, self._block_limit)
        scope = memory.scope(source.name)
        if (statement := record.headers.get(STATEMENT)) is not None:
            self._state(scope, source, output, statement)
            return output.finish()
        aliased, late = scope.tree.aliased, scope.tree.late
        resent = 0
        if source.stream is not None and source.position is not None:
            resent = scope.resends.repeated(source.stream, source.position, record.value)
        others = 0  # lines of the file that are none of ours: blank, or a part of another
        for each in whole_lines_of(record.value):
            line, number = each.line, each.number
            if not line or line.isspace():
                others += each.within >= resent
                continue
            if each.last < resent:
                output.resent += 1
                continue
            output.lines += 1
            others += each.parts - 1
            if number in given_up:
                output.reject("enrich", FATAL, each.raw, number, each.within)
                continue
            yield number
            self._enrich_line(memory, scope, source, output, each)
        scope.ledger.enter(output.tally)
        scope.ledger.take(source.shipper, output.lines + others, record.timestamp)
        output.aliases, output.late = scope.tree.aliased - aliased, scope.tree.late - late
        return output.finish()

    @staticmethod
    def _state(scope: Scope, source: Source, output: Output, statement: bytes) -> None:
        try:
            stated = _STATEMENT.decode(statement)
        except msgspec.DecodeError as error:
            output.lines += 1
            output.reject("decode", f"no statement of a shipper: {error}", statement, 0, 0)
            scope.ledger.enter(output.tally)
        else:
            scope.ledger.state(source.shipper, stated, source.record.timestamp)

    def _enrich_line(self, memory: Memory, scope: Scope, source: Source, output: Output, line: Line) -> None:
        number, within = line.number, line.within
        stage: Stage = "decode"
        try:
            event, own = decode(line.line)
            original = own.decode()
            stage = "enrich"
            time = event.time
            if time is not None and not is_found(event) and scope.clock.observe(time):
                memory.sweep(scope)
            event = settle(scope, event)
            rule = self._rule(scope, event) if self._drops is not None else None
            # To hash what is dropped for certain would be for nothing, unless somebody wants to know its id.
            unnamed = rule is not None and not rule.share and not self._explain
            identity = source.identity(time, own, number, within) if not unnamed else ""
            if rule is not None:
                if not rule.keeps(identity):
                    self._drop(scope, source, output, rule, event, identity)
                    return
                output.keep(rule.name)
            start, orphan, added, failures = self._run(scope, event)
            document = self._document(source, event, start, orphan, identity, original, within)
            merge(document, added, failures)
            try:
                encoded = orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
            except TypeError:
                added, unfit = fit_for_json(added, event)
                failures += unfit
                document = self._document(source, event, start, orphan, identity, original, within)
                merge(document, added, failures)
                encoded = orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
        except NoEvent as error:
            output.reject(stage, str(error), line.raw, number, within)
        except UnicodeDecodeError as error:
            output.reject(stage, f"not UTF-8: {error.reason} at byte {error.start}", line.raw, number, within)
        except MemoryError:
            raise  # of this machine, not of this line
        except Exception as error:  # noqa: BLE001 - a line that nobody thought of must not stop those behind it
            output.reject(stage, f"{type(error).__name__}: {error}", line.raw, number, within)
        else:
            output.add(identity, encoded)
            output.failures += failures
            _row(output, source, event).documents += 1

    def _rule(self, scope: Scope, event: Event) -> Rule | None:
        assert self._drops is not None
        memory = scope.notes(OWNER, KEPT) if self._drops.remember else {}
        return self._drops.first(event, memory)

    def _drop(self, scope: Scope, source: Source, output: Output, rule: Rule, event: Event, identity: str) -> None:
        if event.process is not None:
            learn(scope, event, event.process, _start(event.process))
        # Last: what raised before is a dead letter, and not both.
        dropped = _row(output, source, event).dropped
        dropped[rule.name] = dropped.get(rule.name, 0) + 1
        if self._explain:
            output.dropped.append(Dropped(rule.name, event.name, event.node_name, event.timestamp, identity))

    def _run(self, scope: Scope, event: Event) -> tuple[int, bool, list[Added], list[Failure]]:
        """The process's start in ns since 1970 (0 if unknown), whether it is without a parent, what the agents add."""
        agents = self._by_event.get(event.name, self._for_unknown)
        process = event.process
        if process is None:
            return 0, True, *run(agents, event, None, scope)
        start = _start(process)
        execution, parent = learn(scope, event, process, start)
        lineage = trace(scope, execution, parent, event.time if event.time is not None else scope.clock.now)
        return start, lineage.suspect, *run(agents, event, lineage, scope)

    def _document(
        self, source: Source, event: Event, start: int, orphan: bool, identity: str, original: str, within: int
    ) -> dict[str, Any]:
        document = document_of(event, start, source.sent, orphan=orphan)
        document["event"]["id"] = identity
        if self._original:
            document["event"]["original"] = original
        if source.path is not None:
            document["log"] = {"file": {"path": source.path}}
            if source.position is not None:
                document["log"]["offset"] = source.position + within
        if not source.key:
            document.setdefault("tags", []).append(KEYLESS)
        return document


def _row(output: Output, source: Source, event: Event) -> Row:
    """Of the ledger, for this event; what Tetragon says that it dropped itself is in it."""
    row = output.row(event.time if event.time is not None else source.sent, event.node_name, event.cluster_name)
    body = event.body
    if type(body) is RateLimitInfo:
        row.unseen += body.number_of_dropped_process_events
    elif type(body) is ProcessThrottle:
        row.throttled += body.type == THROTTLED
    return row


def _start(process: Process) -> int:
    return (nanoseconds(process.start_time) or 0) if process.start_time else 0
