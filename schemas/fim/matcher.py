"""All patterns at once: a trie, walked as an automaton whose states are made when a path first needs them.

A state is a set of the trie's nodes. A part leads to the next state by one look-up if it is the name of a folder that
was met there before; another name tries the globs that share its first or last letter.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from schemas.fim.patterns import ANYWHERE, Glob, Pattern, glob

# More than a machine's folders need. Beyond that all is forgotten: names made up to fill memory cost time alone.
_MOST_STATES: Final = 1024
_MOST_NAMES: Final = 32768
_LONG: Final = 64  # characters of a name that is not worth keeping

T = TypeVar("T")  # what a pattern brings
V = TypeVar("V")  # what is made of all that a path brings


class Match(NamedTuple, Generic[T]):
    value: T
    literal: int
    exact: bool


class _Node(Generic[T]):
    __slots__ = ("anywhere", "globs", "literals", "matches", "stays")

    def __init__(self, stays: bool) -> None:
        self.stays = stays  # it is an ANYWHERE, which any part leads back to
        self.literals: dict[str, _Node[T]] = {}
        self.globs: dict[str, _Node[T]] = {}
        self.anywhere: _Node[T] | None = None
        self.matches: list[Match[T]] = []


class _State(Generic[T, V]):
    __slots__ = ("by_first", "by_last", "literals", "loose", "names", "others", "rest", "seen", "value")

    def __init__(self, nodes: frozenset[_Node[T]], value: V) -> None:
        self.value = value
        self.others = {node for node in nodes if node.stays}  # to which any part leads
        self.literals = [node.literals for node in nodes if node.literals]
        self.names = frozenset().union(*self.literals)
        # Globs by the letter that a part must begin with, or end with, to match.
        self.by_first: dict[str, list[tuple[Glob, _Node[T]]]] = {}
        self.by_last: dict[str, list[tuple[Glob, _Node[T]]]] = {}
        self.loose: list[tuple[Glob, _Node[T]]] = []  # with a `*` at either end
        for node in nodes:
            for text, child in node.globs.items():
                made = glob(text)
                if made.prefix:
                    self.by_first.setdefault(made.prefix[0], []).append((made, child))
                elif made.suffix:
                    self.by_last.setdefault(made.suffix[-1], []).append((made, child))
                elif made.between is None:
                    self.others |= _with_anywhere(child)
                else:
                    self.loose.append((made, child))
        self.seen: dict[str, _State[T, V]] = {}  # by names of folders that were met here, and by names in patterns
        self.rest: _State[T, V] | None = None  # of all other names


class Matcher(Generic[T, V]):
    """What belongs to a path: `summary` of what all patterns that match it bring, made once a state."""

    def __init__(self, patterns: Iterable[tuple[Pattern, T]], summary: Callable[[Sequence[Match[T]]], V]) -> None:
        self._summary = summary
        self._root: _Node[T] = _Node(stays=False)
        for pattern, value in patterns:
            node = self._root
            for part in pattern.parts:
                node = _child(node, part)
            node.matches.append(Match(value, pattern.literal, pattern.exact))
        self._forget()

    def find(self, parts: Sequence[str]) -> V:
        """`parts` holds none that is empty."""
        state = self._start
        if not parts:
            return state.value
        for part in parts[:-1]:
            state = state.seen.get(part) or self._folder(state, part)
        last = parts[-1]
        return (state.seen.get(last) or self._step(state, last)).value

    def _folder(self, state: _State[T, V], part: str) -> _State[T, V]:
        if len(part) > _LONG:
            return self._step(state, part)
        if self._names >= _MOST_NAMES:
            self._forget()
        self._names += 1
        state.seen[part] = found = self._step(state, part)
        return found

    def _step(self, state: _State[T, V], part: str) -> _State[T, V]:
        named = part in state.names
        reached = [literals[part] for literals in state.literals if part in literals] if named else []
        if part[0] in state.by_first:
            reached += [node for made, node in state.by_first[part[0]] if made(part)]
        if part[-1] in state.by_last:
            reached += [node for made, node in state.by_last[part[-1]] if made(part)]
        if state.loose:
            reached += [node for made, node in state.loose if made(part)]
        if not reached:
            return state.rest or self._rest(state)
        found = self._state(state.others.union(*map(_with_anywhere, reached)))
        if named:
            state.seen[part] = found
        return found

    def _rest(self, state: _State[T, V]) -> _State[T, V]:
        state.rest = found = self._state(state.others)
        return found

    def _state(self, nodes: set[_Node[T]]) -> _State[T, V]:
        key = frozenset(nodes)
        found = self._states.get(key)
        if found is None:
            if len(self._states) >= _MOST_STATES:
                self._forget()
            value = self._summary([match for node in nodes for match in node.matches])
            found = self._states[key] = _State(key, value)
        return found

    def _forget(self) -> None:
        self._states: dict[frozenset[_Node[T]], _State[T, V]] = {}
        self._names = 0
        self._start = self._state(_with_anywhere(self._root))


def _with_anywhere(node: _Node[T]) -> set[_Node[T]]:
    """ANYWHERE may stand for no part at all."""
    return {node} if node.anywhere is None else {node, node.anywhere}


def _child(node: _Node[T], part: str) -> _Node[T]:
    if part == ANYWHERE:
        if node.stays:
            return node  # twice in a row is as good as once
        if node.anywhere is None:
            node.anywhere = _Node(stays=True)
        return node.anywhere
    return (node.globs if "*" in part else node.literals).setdefault(part, _Node(stays=False))
