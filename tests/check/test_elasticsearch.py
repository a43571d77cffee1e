"""What is told of an Elasticsearch, over the wire."""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.check.elasticsearch import elasticsearch_findings
from app.check.finding import Finding
from app.check.mapping import unlike
from app.index.template import index_template, template_name
from app.local.ports import free_ports
from app.settings import Settings
from tests.check.cluster import INDEX, RIGHTS, STREAM, Cluster, serving

NAME = template_name(STREAM)
TEMPLATE = index_template(STREAM)
MAPPING = TEMPLATE["template"]["mappings"]


async def told(cluster: Cluster, **given: Any) -> dict[str, Finding]:
    """By check and, of two alike, its status."""
    async with serving(cluster):
        return by_check(await elasticsearch_findings(Settings(elasticsearch=cluster.url, **given)))


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for finding in findings:
        found.setdefault(finding.check, finding)
        if finding.status != "ok":
            found[finding.check] = finding
    return found


async def test_a_cluster_that_is_set_up_is_all_right() -> None:
    found = await told(Cluster(mapping=MAPPING))
    assert {check: finding.status for check, finding in found.items()} == dict.fromkeys(
        ("elasticsearch", "elasticsearch rights", "index template", "data stream"), "ok"
    )
    assert "user 'tetrastash' has monitor, create_doc, auto_configure" in found["elasticsearch rights"].text


async def test_an_assembly_without_security_needs_no_rights() -> None:
    found = await told(Cluster(security=False))
    assert {finding.status for finding in found.values()} == {"ok"}
    assert "none needed" in found["elasticsearch rights"].text
    assert "is not there yet" in found["data stream"].text


@pytest.mark.parametrize(
    ("right", "text"),
    [
        ("create_doc", f"user 'tetrastash' lacks create_doc on {STREAM}."),
        ("auto_configure", f"user 'tetrastash' lacks auto_configure on {STREAM}."),
        ("read", f"user 'tetrastash' lacks read on {STREAM}."),
        ("monitor", f"user 'tetrastash' lacks monitor on the cluster, monitor on {STREAM}."),
    ],
)
async def test_the_right_that_is_missing_is_named(right: str, text: str) -> None:
    finding = (await told(Cluster(rights=RIGHTS - {right}, mapping=MAPPING)))["elasticsearch rights"]
    assert (finding.status, finding.text) == ("failed", text)


async def test_what_may_not_be_looked_at_is_no_failure() -> None:
    found = await told(Cluster(rights=RIGHTS - {"view_index_metadata", "manage_index_templates"}, mapping=MAPPING))
    assert {finding.status for finding in found.values()} == {"ok", "skipped", "warning"}
    assert "granted by the privileges [view_index_metadata]" in found["data stream"].text
    assert "lacks view_index_metadata on" in found["elasticsearch rights"].text


@pytest.mark.parametrize("right", ["view_index_metadata", "maintenance", "delete"])
async def test_a_right_that_sweeping_needs_is_a_warning_unless_nobody_sweeps(right: str) -> None:
    cluster = Cluster(rights=RIGHTS - {right}, mapping=MAPPING)
    finding = (await told(cluster))["elasticsearch rights"]
    assert finding.status == "warning"
    assert f"lacks {right} on {STREAM}: what is sent again over a rollover stays stored twice." in finding.text
    assert (await told(cluster, sweep=False))["elasticsearch rights"].status == "ok"


async def test_credentials_that_elasticsearch_does_not_know_are_told() -> None:
    found = await told(Cluster(known=False), elasticsearch_username="tetrastash", elasticsearch_password="wrong")
    finding = found["elasticsearch"]
    assert finding.status == "failed"
    assert "does not know who asks: security_exception: unable to authenticate user" in finding.text
    assert finding.todo.startswith("Expected a valid TETRASTASH_ELASTICSEARCH_API_KEY")
    assert "wrong" not in str(found)
    assert found["index template"].status == "skipped"


@pytest.mark.parametrize(
    ("templates", "status", "text", "todo"),
    [
        ({}, "failed", f"{NAME} is missing.", "Run `tetrastash setup`."),
        (
            {NAME: {**TEMPLATE, "_meta": {"managed_by": "tetrastash", "digest": "old"}}},
            "failed",
            f"{NAME} is of another version of tetrastash.",
            "Run `tetrastash setup`.",
        ),
        ({NAME: {**TEMPLATE, "_meta": {}}}, "warning", "is not made by tetrastash", "yours to keep"),
        (
            {NAME: index_template(STREAM, frozenset(("wildcard", "constant_keyword")))},
            "ok",
            "is as this version makes it",
            "",
        ),
        (
            {NAME: TEMPLATE, "theirs": {"index_patterns": ["logs-*"], "priority": 500}},
            "failed",
            "takes the index template 'theirs'",
            "to be the first",
        ),
    ],
)
async def test_the_template_is_as_setup_makes_it_or_what_to_do_is_told(
    templates: dict[str, Any], status: str, text: str, todo: str
) -> None:
    finding = (await told(Cluster(templates=templates)))["index template"]
    assert finding.status == status
    assert text in finding.text
    assert todo in finding.todo


async def test_who_may_not_set_up_is_told_to_be_another() -> None:
    finding = (await told(Cluster(templates={}, rights=RIGHTS - {"manage_index_templates"})))["index template"]
    assert finding.todo == "Run `tetrastash setup` as a user with the cluster right manage_index_templates."


@pytest.mark.parametrize("kind", ["indices", "aliases"])
async def test_an_index_of_the_data_streams_name_is_a_failure(kind: str) -> None:
    nothing: Mapping[str, Any] = {"indices": [], "aliases": []}
    finding = (await told(Cluster(resolved={**nothing, kind: [{"name": STREAM}]})))["data stream"]
    assert finding.status == "failed"
    assert f"is one of the {kind}" in finding.text


async def test_a_data_stream_that_another_template_made_is_a_failure() -> None:
    finding = (await told(Cluster(mapping={"properties": {}})))["data stream"]
    assert finding.status == "failed"
    assert f"{INDEX}, which is written to, was made by another index template" in finding.text
    assert f"POST {STREAM}/_rollover" in finding.todo


async def test_fields_that_the_newest_index_lacks_are_named() -> None:
    properties = {name: field for name, field in MAPPING["properties"].items() if name not in ("process", "@timestamp")}
    changed = {**properties, "@timestamp": {"type": "keyword"}}
    finding = (await told(Cluster(mapping={**MAPPING, "properties": changed})))["data stream"]
    assert finding.status == "warning"
    assert "@timestamp is keyword, not date" in finding.text
    assert "process is not mapped" in finding.text


async def test_a_version_that_is_too_old_is_a_failure() -> None:
    finding = (await told(Cluster(version="8.15.3")))["elasticsearch"]
    assert (finding.status, finding.text, finding.todo) == ("failed", "its version is 8.15.", "Expected 8.16 or later.")
    assert (await told(Cluster(version="9.0.0-SNAPSHOT")))["elasticsearch"].status == "ok"


def contexts(authority: trustme.CA, **issued: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost", **issued).configure_cert(context)
    return context


async def over_tls(tls: ssl.SSLContext, authority: trustme.CA, folder: Path, host: str = "localhost") -> Finding:
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    async with serving(Cluster(), tls) as cluster:
        url = cluster.url.replace("127.0.0.1", host)
        findings = await elasticsearch_findings(Settings(elasticsearch=url, elasticsearch_ca=ca))
    return findings[0]


async def test_tls_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    assert (await over_tls(contexts(authority), authority, tmp_path)).status == "ok"


async def test_another_authority_is_told(tmp_path: Path) -> None:
    finding = await over_tls(contexts(trustme.CA()), trustme.CA(), tmp_path)
    assert finding.status == "failed"
    assert finding.text.startswith("TLS with Elasticsearch at 'https://localhost:")
    assert f"TETRASTASH_ELASTICSEARCH_CA={str(tmp_path / 'ca.pem')!r}" in finding.todo


async def test_a_certificate_that_has_expired_is_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = contexts(authority, not_after=datetime.now(UTC) - timedelta(days=1))
    finding = await over_tls(tls, authority, tmp_path)
    assert "fails: certificate has expired." in finding.text
    assert finding.todo.startswith("Expected a certificate that is valid today")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_for_another_host_is_told(tmp_path: Path, host: str) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    finding = await over_tls(context, authority, tmp_path, host)
    assert finding.status == "failed"
    assert "one that its certificate names" in finding.todo


async def test_tls_with_something_that_speaks_none_is_told() -> None:
    async with serving(Cluster()) as cluster:
        url = cluster.url.replace("http://", "https://")
        [finding, _] = await elasticsearch_findings(Settings(elasticsearch=url))
    assert finding.status == "failed"
    assert "TLS with Elasticsearch at" in finding.text
    assert "https://" in finding.todo


async def test_something_else_that_answers_is_told() -> None:
    async def page(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(page, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    [finding, _] = await elasticsearch_findings(Settings(elasticsearch=url))
    server.close()
    await server.wait_closed()
    assert finding.status == "failed"
    assert "is not Elasticsearch" in finding.text


async def test_silence_ends_in_time_and_one_node_that_answers_is_enough() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        [finding, skipped] = await elasticsearch_findings(Settings(elasticsearch=url))
        assert time.monotonic() - began < 2.5
        assert "no answer within 1.5 s" in finding.text
        assert (finding.status, skipped.status) == ("failed", "skipped")
        [port] = free_ports(1)
        async with serving(Cluster(mapping=MAPPING)) as cluster:
            urls = f"{url}, {cluster.url},http://127.0.0.1:{port}"
            findings = await elasticsearch_findings(Settings(elasticsearch=urls))
    assert [finding.status for finding in findings] == ["warning", "warning", "ok", "ok", "ok", "ok"]


async def test_an_authority_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    given = Settings(elasticsearch="https://127.0.0.1:1", elasticsearch_ca=tmp_path / "none.pem")
    [finding, _] = await elasticsearch_findings(given)
    assert finding.status == "failed"
    assert f"TETRASTASH_ELASTICSEARCH_CA={str(tmp_path / 'none.pem')!r}: No such file" in finding.text


@pytest.mark.parametrize(
    ("wanted", "actual", "found"),
    [
        ({"a": {"type": "keyword"}}, {"a": {"type": "keyword", "ignore_above": 9}}, []),
        ({"a": {"type": "keyword"}}, {"b": {"type": "keyword"}}, ["a is not mapped"]),
        ({"a": {"type": "ip"}}, {"a": {"type": "keyword"}}, ["a is keyword, not ip"]),
        ({"a": {"type": "ip"}}, {"a": {"properties": {}}}, ["a is object, not ip"]),
        ({"a": {"properties": {"b": {"type": "ip"}}}}, {"a": {"properties": {}}}, ["a.b is not mapped"]),
        ({"a": {"properties": {"b": {"type": "ip"}}}}, {"a": {"type": "text"}}, ["a is text, not an object"]),
    ],
)
def test_a_mapping_is_held_against_its_template(
    wanted: Mapping[str, Any], actual: Mapping[str, Any], found: list[str]
) -> None:
    assert list(unlike(wanted, actual)) == found
