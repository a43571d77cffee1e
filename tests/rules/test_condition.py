"""Sigma's own way to read a condition, and that what is made of one is what it asks for."""

from collections import ChainMap
from textwrap import indent

import pytest

from tests.rules.events.cases import cases
from tests.rules.events.condition import Fields, meets, met_by, ways
from tests.rules.events.deed import Command, Deed
from tests.rules.reasons import REASONS
from tests.rules.sigma import Rule, rule_of, rules, with_rules


def rule(detection: str, category: str = "process_creation") -> Rule:
    head = f"title: A rule\nlogsource: {{product: linux, category: {category}}}\nlevel: low\ndetection:\n"
    found = rule_of(head + indent(detection, "  "), "a_rule")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("selection", "line", "is_met"),
    [
        ("CommandLine: whoami", "WhoAmI", True),
        ("CommandLine: whoami", "whoami x", False),
        ("CommandLine|contains: 'of='", "dd OF=/dev/sda", True),
        ("CommandLine|startswith: 'rm -f'", "rm -f /x", True),
        ("CommandLine|startswith: 'rm -f'", "sh rm -f /x", False),
        ("CommandLine|endswith: '.sh'", "bash x.sh", True),
        ("CommandLine|endswith: '.sh'", "bash x.sh y", False),
        ("CommandLine|contains: '/etc/*.conf'", "vi /etc/a/b.conf", True),
        ("CommandLine|contains: '/etc/*.conf'", "vi /etc/.cfg", False),
        ("CommandLine: 'a?c'", "abc", True),
        ("CommandLine: 'a?c'", "ac", False),
        ("CommandLine|re: '-[a-f]D'", "auditctl -aD x", True),
        ("CommandLine|re: '-[a-f]D'", "auditctl -ad x", False),
        ("CommandLine|contains|all: [x, y]", "y x", True),
        ("CommandLine|contains|all: [x, y]", "x z", False),
        ("LogonId: 0", "0", False),  # of another field
    ],
)
def test_a_selection_is_met_as_sigma_says(selection: str, line: str, is_met: bool) -> None:
    condition = rule(f"selection:\n  {selection}\ncondition: selection").condition

    assert meets(condition, {"CommandLine": line}) is is_met


@pytest.mark.parametrize(
    ("address", "is_met"), [("10.200.0.1", False), ("11.0.0.1", True), ("fe80::1", False), ("2001:db8::1", True)]
)
def test_an_address_is_in_a_network_or_not(address: str, is_met: bool) -> None:
    own = "own:\n  DestinationIp|cidr: ['10.0.0.0/8', 'fe80::/10']\ncondition: not own"

    assert meets(rule(own, "network_connection").condition, {"DestinationIp": address}) is is_met


def test_the_ways_have_every_alternative_at_least_once_and_nothing_that_is_excluded() -> None:
    condition = rule(
        "one:\n  Image|endswith: [/a, /b, /c]\n  CommandLine|contains: [x, y]\n"
        "other:\n  CommandLine: z\nfilter:\n  User: root\n"
        "condition: (one or other) and not filter"
    ).condition
    told = [[f"{atom.field} {atom.value}" for atom in way] for way in ways(condition)]

    assert told == [
        ["Image */a", "CommandLine *x*"],
        ["Image */b", "CommandLine *y*"],
        ["Image */c", "CommandLine *x*"],
        ["CommandLine z"],
    ]


def test_a_rule_is_met_missed_by_one_character_and_excluded() -> None:
    found = cases(
        "process_creation",
        rule(
            "selection:\n  Image|endswith: /chmod\n  CommandLine|contains: ' u+s '\n"
            "filter:\n  ParentImage: /usr/bin/dpkg\ncondition: selection and not filter"
        ).condition,
    )

    assert found.untold == []
    assert [(each.kind, each.deed.command.binary, each.deed.command.line) for each in found.cases] == [
        ("meets", "/usr/bin/chmod", "chmod u+s x"),
        ("lacks", "/usr/bin/chmoq", "chmoq u+s x"),
        ("lacks", "/usr/bin/chmod", "chmod u+q x"),
        ("excluded", "/usr/bin/chmod", "chmod u+s x"),
    ]
    assert found.cases[-1].deed.parent.binary == "/usr/bin/dpkg"


@pytest.mark.parametrize(
    ("binary", "arguments", "could_be"),
    [
        ("/bin/sh", ("-c", "curl x | sh"), True),
        ("/bin/sh", ("-c", "curl", "x"), False),
        ("/usr/bin/base64", ("-d", "|", "sh"), False),
        ("/usr/bin/curl", ("/usr/bin/curl", "x"), False),
        ("usr/bin/curl", (), False),
        ("/usr/bin/", (), False),
        ("/usr/bin/curl", ("x", ""), False),
    ],
)
def test_only_what_tetragon_could_write_is_told(binary: str, arguments: tuple[str, ...], could_be: bool) -> None:
    assert Command(binary, arguments).could_be is could_be


def test_a_script_stands_between_quotation_marks_in_the_command_line() -> None:
    deed = Deed(Command("/usr/bin/bash", ("-c", "curl x | sh")))

    assert deed.fields["CommandLine"] == 'bash -c "curl x | sh"'


@with_rules
def test_every_case_of_every_rule_is_what_it_says() -> None:
    for each in rules():
        condition = each.condition
        found = cases(each.group, condition)
        for case in found.cases:
            assert met_by(condition, case.deed.records(each.group)) is case.fires, (each.name, case)
            assert case.deed.could_be
        kinds = {case.kind for case in found.cases}
        assert kinds & {"lacks", "excluded"} or each.name in REASONS, f"{each.name} has no near miss"
        assert "meets" in kinds or each.name in REASONS, f"{each.name} cannot be met"


@with_rules
def test_a_near_miss_differs_from_what_meets_the_rule_in_one_thing() -> None:
    for each in rules():
        told = cases(each.group, each.condition).cases
        met = [ChainMap(*case.deed.records(each.group)) for case in told if case.fires]
        for case in told:
            if case.kind == "lacks":
                missed = ChainMap(*case.deed.records(each.group))
                assert min(len(_differences(missed, other)) for other in met) == 1, (each.name, case)


def _differences(one: Fields, two: Fields) -> set[str]:
    changed = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
    # A program's name begins its command line, a connection that comes in has another destination, and only of
    # an execution the words are told.
    for follower, leader in (
        ("CommandLine", "Image"),
        ("ParentCommandLine", "ParentImage"),
        ("DestinationIp", "Initiated"),
        ("a0", "exe"),
        ("comm", "exe"),
        ("a0", "SYSCALL"),
        ("type", "SYSCALL"),
    ):
        if leader in changed:
            changed.discard(follower)
    return changed - {""}
