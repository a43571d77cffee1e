"""The pipeline that users take: what queries become of rules."""

import pytest
import yaml
from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline

from schemas.document import FIELDS
from tests.rules.sigma import PIPELINE
from tests.rules.test_condition import rule

PROCESS = "host.os.type:linux AND event.category:process AND event.type:start"
FILE = "host.os.type:linux AND event.category:file AND (event.action:(creation OR modification OR rename OR link))"
NETWORK = "host.os.type:linux AND event.category:network AND event.type:start"


@pytest.mark.parametrize(
    ("selection", "query"),
    [
        ("Image|endswith: /nc", r"process.executable:*\/nc"),
        ("ParentCommandLine: bash -i", r'process.parent.command_line:"bash \-i"'),
        ("LogonId: 0", "process.real_user.id:0"),
        ("CommandLine|re: '-D'", "process.command_line:/.*(-D).*/"),
        (r"CommandLine|re: '(?:\s-i|/x)'", r"process.command_line:/.*((\s-i|\/x)).*/"),
        (r"""CommandLine|re: '(\s|"|x)'""", r"process.command_line:/.*((\s|\"|x)).*/"),
        ("CommandLine|contains: 'http://x'", r"process.command_line:*http\:\/\/x*"),
    ],
)
def test_a_process_creation_rule(selection: str, query: str) -> None:
    made = rule(f"selection:\n  {selection}\ncondition: selection").query()

    assert made == f"({PROCESS}) AND {query}"


@pytest.mark.parametrize("form", ["dsl_lucene", "kibana_ndjson"])
def test_other_formats_take_the_pipeline_alone(form: str) -> None:
    """What replaces parts of a query fails where it is no text any more."""
    backend = LuceneBackend(ProcessingPipeline.from_yaml(PIPELINE.read_text("utf-8")))
    rules = SigmaCollection.from_yaml(rule("selection:\n  Image: /bin/x\ncondition: selection").text)

    assert "process.executable" in str(backend.convert(rules, form))


def test_a_file_event_rule_is_about_what_is_made_or_written() -> None:
    made = rule("selection:\n  TargetFilename: /tmp/x\ncondition: selection", "file_event").query()

    assert made == rf"({FILE}) AND file.path:\/tmp\/x"


@pytest.mark.parametrize(("initiated", "direction"), [("true", "egress"), ("false", "ingress")])
def test_a_network_connection_rule_knows_who_began(initiated: str, direction: str) -> None:
    selection = f"selection:\n  Initiated: '{initiated}'\n  DestinationPort: 4444\ncondition: selection"
    made = rule(selection, "network_connection").query()

    assert made == f"({NETWORK}) AND (network.direction:{direction} AND destination.port:4444)"


def test_no_field_of_the_pipeline_is_one_that_documents_do_not_have() -> None:
    [mapping] = [
        each for each in yaml.safe_load(PIPELINE.read_text("utf-8"))["transformations"] if each["id"] == "fields"
    ]

    assert set(mapping["mapping"].values()) - FIELDS.keys() == {"destination.domain"}  # no event of Tetragon's tells it
