"""Imports point one way: schemas, then agents, then app; and the rooms of app keep to themselves."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS_APART = ("ship", "enrich", "index")
SERVERS = ("aiokafka", "elasticsearch", "elastic_transport", "aiohttp", "prometheus_client", "confluent_kafka")


def imports(*folders: str) -> Iterator[tuple[str, str]]:
    """(file, module) of every import, those inside functions too."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{path} imports relatively"
                    names = [str(node.module)]
                for name in names:
                    yield str(path.relative_to(ROOT)), name


def test_schemas_import_nothing_of_ours_but_schemas() -> None:
    assert [
        each for each in imports("schemas") if each[1].split(".")[0] in ("agents", "app", "tests", "examples")
    ] == []


def test_agents_import_nothing_of_ours_but_agents_and_schemas() -> None:
    assert [each for each in imports("agents") if each[1].split(".")[0] in ("app", "tests", "examples")] == []


def test_app_imports_neither_tests_nor_examples() -> None:
    found = [each for each in imports("app") if each[1].split(".")[0] in ("tests", "examples", "bench")]

    assert [each for each in found if not each[0].startswith("app/local/")] == []


def test_examples_import_nothing_of_ours_but_examples() -> None:
    """What is generated would else be right by the same mistake that reads it wrongly."""
    ours = ("schemas", "agents", "app", "tests", "bench")

    assert [each for each in imports("examples") if each[1].split(".")[0] in ours] == []


def test_what_makes_events_for_rules_imports_nothing_of_ours_but_examples() -> None:
    """A rule that fires would else only show that the same mistake is made twice."""
    found = imports("tests/rules/events")
    ours = ("schemas", "agents", "app", "tests", "bench")

    assert [
        each for each in found if each[1].split(".")[0] in ours and not each[1].startswith("tests.rules.events.")
    ] == []


def test_ship_enrich_and_index_do_not_know_each_other() -> None:
    found = [
        (file, name)
        for room in ROOMS_APART
        for file, name in imports(f"app/{room}")
        for other in ROOMS_APART
        if other != room and (name + ".").startswith(f"app.{other}.")
    ]

    assert found == []


def test_only_the_stream_room_knows_faust() -> None:
    found = [file for file, name in imports("app", "agents", "schemas") if name.split(".")[0] in ("faust", "mode")]

    assert [file for file in found if not file.startswith("app/stream/")] == []


def test_enrichment_schemas_and_agents_know_no_server_and_no_network() -> None:
    outside = (*SERVERS, "faust", "socket", "asyncio", "ssl", "http", "urllib")
    ours = ("app.kafka", "app.elastic")
    found = [
        each
        for each in imports("app/enrich", "agents", "schemas")
        if each[1].split(".")[0] in outside or each[1].startswith(ours)
    ]

    assert found == []


def test_only_the_filter_and_its_input_have_files_or_clocks() -> None:
    shell = {"app/enrich/filter.py", "app/enrich/inputs.py"}
    outside = ("os", "sys", "time", "gzip", "logging", "random", "tempfile")
    found = {
        file
        for file, name in imports("app/enrich", "agents", "schemas")
        if name.split(".")[0] in outside and file not in shell
    }

    # sys: to intern strings, and to name a user's module.
    assert found <= {"app/enrich/learn.py", "app/enrich/registry.py", "schemas/lineage.py"}
