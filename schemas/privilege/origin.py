"""Since when a process has held what it holds: which of its earlier images or ancestors got it."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from schemas.capabilities import names_of
from schemas.lineage import Above, Execution, Lineage
from schemas.privilege.difference import Difference, difference
from schemas.privilege.holder import Holder
from schemas.rights import read


class Origin(NamedTuple):
    execution: Execution
    generations: int  # 0 for an earlier image of the process itself, 1 for its parent
    gained: Sequence[str]  # root, or capabilities that the process still has

    @property
    def fields(self) -> dict[str, Any]:
        own = self.execution
        named = {"entity_id": own.exec_id, "executable": own.binary}
        told = {name: value for name, value in named.items() if value}
        return {**told, "generations": self.generations, "gained": self.gained}


def origin_of(lineage: Lineage, held: Callable[[Execution], Holder]) -> Origin | None:
    """None if nobody gained anything, as far as is known, or the process itself did. `held` knows of calls too."""
    process, gains, parent = lineage.process, _gains(lineage.above), lineage.parent
    if not gains and not lineage.previous and (parent is None or _are_alike(process, parent)):
        return None  # as nearly always
    below = (*reversed(lineage.previous), *lineage.ancestors[:1])
    own = Holder(process.uid, process.rights)
    permitted = read(process.rights).permitted or 0 if process.rights else 0
    if not permitted and own.user != 0:
        return None
    lower = process
    for place, upper in enumerate(below):
        gained = _gained(_difference(lower, upper), own, permitted)
        if gained:
            if _has(held(upper), gained):
                return Origin(upper, int(place == len(lineage.previous)), gained)
            return Origin(lower, 0, gained) if lower is not process else None
        lower = upper
    for place, found in gains:
        gained = _gained(found, own, permitted)
        if gained:
            upper = lineage.ancestors[place + 1]
            if _has(held(upper), gained):
                return Origin(upper, place + 2, gained)
            return Origin(lineage.ancestors[place], place + 1, gained)
    return None


@lru_cache(maxsize=4096)
def _gains(above: Above) -> Sequence[tuple[int, Difference]]:
    """Places of ancestors that may more than the next one above them, and what."""
    found = [(place, _difference(lower, upper)) for place, (lower, upper) in enumerate(pairwise(above.ancestors))]
    return [(place, each) for place, each in found if each is not None and (each.to_root or each.gained)]


def _are_alike(one: Execution, other: Execution) -> bool:
    return one.uid == other.uid and one.rights == other.rights


def _difference(lower: Execution, upper: Execution) -> Difference | None:
    if _are_alike(lower, upper):
        return None
    return difference(Holder(upper.uid, upper.rights), Holder(lower.uid, lower.rights))


def _gained(found: Difference | None, own: Holder, permitted: int) -> Sequence[str]:
    """Of what the process still holds; what counts in a nested user namespace alone is nothing."""
    if found is None or found.is_nested:
        return ()
    if found.to_root and own.user == 0:
        return ("root",)
    still = found.gained & permitted
    return names_of(still) if still else ()


def _has(holder: Holder, gained: Sequence[str]) -> bool:
    if gained == ("root",):
        return holder.user == 0
    return set(gained) <= set(names_of(read(holder.rights).permitted or 0))
