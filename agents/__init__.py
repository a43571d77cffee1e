"""One file, one enrichment, one pure function.

    @agent(events={"process_exec"}, adds={"tetragon.drift"})
    def drift(event: Event, lineage: Lineage) -> Fields:
        ...
        return {"tetragon.drift": True}

The agent's name is its file's. It takes what it names, `event` first:

- `event`, a schemas.tetragon.Event;
- `lineage`, a schemas.lineage.Lineage: what the process was and what it descends from. An agent that takes it is not
  called for an event without a process;
- `memory`, a Memory: what this agent remembers of this event's node. It survives restarts.

It returns the fields to add: dotted names that `adds` declares, or names below these; a value is anything of JSON, but
for `tetragon.findings`, which is a list of schemas.finding.Finding. It sees the event and not what other agents add, so
their order does not matter. It has no side effects: the same events in the same order give the same fields, for after a
crash they are enriched again.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

import msgspec

Fields: TypeAlias = Mapping[str, Any]  # values of JSON; orjson.Fragment for what is written as JSON already
Memory: TypeAlias = MutableMapping[str, Any]  # values of JSON, copied in and out: set them again to remember a change
Function: TypeAlias = Callable[..., Fields]
Configure: TypeAlias = Callable[[bytes, str], Function]  # of a file's content and its name

ARGUMENTS: Final = ("event", "lineage", "memory")
TAGS: Final = "tags"
FINDINGS: Final = "tetragon.findings"  # of schemas.finding.Finding; event.severity, risk_score and threat.* follow
SHARED: Final = frozenset((TAGS, FINDINGS))  # lists that every agent may add to

HOUR: Final = 3600.0


class Agent(msgspec.Struct, frozen=True):
    function: Function
    events: frozenset[str] | None  # None is all
    adds: frozenset[str]
    ttl: float  # seconds for which `memory` keeps an entry after it was last set
    takes: tuple[str, ...]  # names of the function's parameters
    name: str = ""  # given by the registry
    configure: Configure | None = None

    def __call__(self, *arguments: Any) -> Fields:
        return self.function(*arguments)


def agent(
    *, events: Iterable[str] | None, adds: Iterable[str], ttl: float = HOUR, configure: Configure | None = None
) -> Callable[[Function], Agent]:
    """Declares which events the function takes (None: all) and which fields it may add, each with all below it.

    `configure` makes the function anew from <agent>.yaml in the folder of a user's agents, and raises ValueError,
    naming file and line, for what it cannot take.
    """
    for argument, names in (("events", events), ("adds", adds)):
        if isinstance(names, str):  # which is a set of letters, too
            raise TypeError(f"{argument} is {names!r}; expected a set of names, like {{{names!r}}}")
    if not isinstance(ttl, int | float) or ttl <= 0:
        raise TypeError(f"ttl is {ttl!r}; expected seconds, like {HOUR}")

    def declare(function: Function) -> Agent:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__name__} is async; expected a plain function, for an agent waits for nothing")
        parameters = inspect.signature(function).parameters
        if any(each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters.values()):
            raise TypeError(
                f"{function.__name__} takes some by name only; expected what it takes by place, without `*`"
            )
        takes = tuple(parameters)
        return Agent(
            function, None if events is None else frozenset(events), frozenset(adds), ttl, takes, configure=configure
        )

    return declare
