"""What two holders of rights differ in."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from schemas.capabilities import names_of
from schemas.privilege.difference import difference
from schemas.privilege.holder import Holder
from schemas.rights import IDS, NAMESPACES, UNKNOWN, Rights, mask_of, read, rights_of, text_of
from schemas.tetragon import Process

_ID = st.sampled_from([None, 0, 1000])
_CAPABILITIES = st.none() | st.integers(0, 2**41 - 1)

RIGHTS = st.builds(
    Rights,
    ids=st.just(()) | st.tuples(*[_ID] * len(IDS)),
    permitted=_CAPABILITIES,
    effective=_CAPABILITIES,
    namespaces=st.just(()) | st.tuples(*[st.integers(0, 2)] * len(NAMESPACES)),
    host=st.integers(0, 2 ** len(NAMESPACES) - 1),
    level=st.sampled_from([None, 0, 1]),
)
HOLDERS = st.builds(Holder, uid=_ID, rights=st.just(UNKNOWN) | RIGHTS.map(text_of))
RAW = Raw(b'{"permitted":["CAP_KILL"],"effective":["CAP_KILL"]}')


@given(HOLDERS)
def test_nobody_differs_from_himself(holder: Holder) -> None:
    assert difference(holder, holder) is None
    assert difference(holder, Holder(holder.user, UNKNOWN)) is None


@given(HOLDERS, HOLDERS)
def test_the_way_back_is_the_way_there_turned_round(one: Holder, other: Holder) -> None:
    there, back = difference(one, other), difference(other, one)

    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert there.changes == back.changes
        assert (there.gained, there.lost) == (back.lost, back.gained)
        assert there.namespaces == back.namespaces
        assert not (there.is_nested and back.is_nested)


@given(HOLDERS)
def test_who_is_not_known_differs_from_nobody(holder: Holder) -> None:
    assert difference(Holder(None, UNKNOWN), holder) is None
    assert difference(holder, Holder(None, UNKNOWN)) is None


@given(RIGHTS)
def test_rights_are_read_as_they_were_written(rights: Rights) -> None:
    assert read(text_of(rights)) == rights


@given(st.integers(0, 2**64 - 1))
def test_capabilities_keep_their_names(mask: int) -> None:
    assert mask_of(names_of(mask)) == mask


def test_tetragons_one_name_without_prefix_is_the_same_capability() -> None:
    assert mask_of(["DAC_OVERRIDE"]) == mask_of(["CAP_DAC_OVERRIDE"]) == 2


def test_processes_with_the_same_rights_share_one_text() -> None:
    one, other = (Process(pid=pid, raw_cap=RAW) for pid in (1, 2))

    assert rights_of(one) is rights_of(other)
    assert rights_of(Process(pid=1)) == UNKNOWN
