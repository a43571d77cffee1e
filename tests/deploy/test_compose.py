"""docker-compose.yml names only what exists, and every service says when it is well and what it may use."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.__main__ import main
from app.settings import PREFIX, SECRET_FILES, Settings, read_settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "tetrastash:local"}
HELPING = {name for name, service in SERVICES.items() if service["image"] == "tetrastash-compose:local"}
ENDING = {"secrets", "accounts", "setup", "demo"}


def mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """By target: the source, and whether it may only be read."""
    found = {}
    for volume in service.get("volumes", []):
        source, target, *mode = re.split(r":(?!-)", volume)
        found[target] = (source, mode == ["ro"])
    return found


def test_the_parts_are_all_there() -> None:
    assert set(SERVICES) == {
        "secrets", "kafka", "elasticsearch", "accounts", "kibana", "setup", "ship", "worker", "demo", "demo-ship",
    }  # fmt: skip
    assert set(OURS) == {"setup", "ship", "worker", "demo-ship"}
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"demo", "demo-ship"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_how_it_restarts_and_what_it_may_use(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]

    assert service["restart"] == ("no" if name in ENDING else "unless-stopped")
    assert limits["memory"]
    assert limits["pids"]
    assert "cpus" not in limits  # an engine refuses more than the machine has
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ENDING))
def test_every_service_that_lasts_has_a_health_check_and_time_to_end(name: str) -> None:
    check = SERVICES[name]["healthcheck"]

    assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert SERVICES[name]["stop_grace_period"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_can_come_about(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ENDING else "service_healthy"
        assert wanted == {"condition": expected}
        assert set(SERVICES[other].get("profiles", [])) <= set(SERVICES[name].get("profiles", []))


@pytest.mark.parametrize("name", sorted(ENDING))
def test_a_service_that_lasts_waits_for_each_that_ends(name: str) -> None:
    """Else `docker compose up --wait` takes its end for a failure."""
    assert [other for other in SERVICES if other not in ENDING and name in SERVICES[other].get("depends_on", {})]


def test_nobody_waits_in_a_circle() -> None:
    left = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    while left:
        ready = [name for name, others in left.items() if not others & left.keys()]
        assert ready, f"a circle among {sorted(left)}"
        for name in ready:
            del left[name]


def test_every_image_is_pinned_or_built_here() -> None:
    for service in SERVICES.values():
        if "build" in service:
            assert service["pull_policy"] == "build"
            assert f"AS {service['build']['target']}\n" in (ROOT / "Dockerfile").read_text()
        else:
            assert re.search(r":\d+\.\d+\.\d+$", service["image"])
    elastic = [service["image"].rpartition(":")[2] for service in SERVICES.values() if "elastic.co" in service["image"]]
    assert len(elastic) == 2
    assert len(set(elastic)) == 1


@pytest.mark.parametrize("name", OURS)
def test_tetrastash_accepts_its_settings(name: str, tmp_path: Path) -> None:
    environment = {variable: str(value) for variable, value in OURS[name]["environment"].items()}
    assert all(variable.startswith(PREFIX) for variable in environment)
    mounted = mounts(OURS[name])
    for variable, value in environment.items():
        if variable.endswith(("_FILE", "_CA", "_POSITIONS")):
            folder, _, _ = value.rpartition("/")
            assert folder in mounted, f"{name}: {variable}={value} is on no volume"
        if variable in SECRET_FILES:
            environment[variable] = str(tmp_path / "secret")
    (tmp_path / "secret").write_text("hunter2\n")

    settings = read_settings(environment)

    assert settings.kafka == "kafka:9092"
    if settings.elasticsearch_username:
        assert settings.elasticsearch == "https://elasticsearch:9200"
        assert settings.elasticsearch_password is not None
        assert settings.elasticsearch_ca is not None


def test_no_other_service_has_settings_of_tetrastash() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert not [variable for variable in service.get("environment", {}) if variable.startswith(PREFIX)]


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_tetrastash_with_arguments_that_it_takes(name: str) -> None:
    command, *arguments = OURS[name]["command"]

    main.commands[command].make_context(command, arguments)  # exits or raises where it does not take them


@pytest.mark.parametrize("name", sorted(HELPING))
def test_what_helpers_run_is_in_their_image(name: str) -> None:
    programs = [part for part in SERVICES[name]["command"] if part.startswith("/opt/compose/")]

    assert len(programs) == 1
    assert (ROOT / "deploy/compose" / programs[0].removeprefix("/opt/compose/")).is_file()


def test_a_health_check_asks_where_tetrastash_listens() -> None:
    for name in ("ship", "worker", "demo-ship"):
        kind, program, port, page = OURS[name]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "answers")
        assert (ROOT / "deploy/image" / program).is_file()
        assert OURS[name]["environment"]["TETRASTASH_LISTEN"].endswith(f":{port}")
        assert page == ("/readyz" if name == "worker" else "/healthz")


def test_workers_can_be_many() -> None:
    worker = SERVICES["worker"]

    assert "container_name" not in worker
    assert "hostname" not in worker
    # Without a port of the machine: each gets a free one.
    assert worker["ports"] == ["127.0.0.1::9600"]
    assert all(read_only for _, read_only in mounts(worker).values())
    assert int(SERVICES["setup"]["environment"]["TETRASTASH_PARTITIONS"]) >= 4


def test_nothing_listens_beyond_the_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_volume_is_declared_and_used() -> None:
    named = {
        source
        for service in SERVICES.values()
        for source, _ in mounts(service).values()
        if not source.startswith(("$", "/", "."))
    }

    assert named == set(COMPOSE["volumes"])


def test_no_secret_stands_in_clear_and_none_in_an_environment() -> None:
    for service in SERVICES.values():
        for variable in service.get("environment", {}):
            if re.search(r"PASSWORD|SECRET|TOKEN|API_KEY", variable):
                assert variable.endswith("_FILE")
    assert not re.search(r"password\s*[:=]\s*[\"']?\w", TEXT.replace("ELASTIC_PASSWORD_FILE", ""), re.IGNORECASE)


def test_only_its_users_see_a_secret_and_only_its_maker_writes_it() -> None:
    seen: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for source, read_only in mounts(service).values():
            if source.endswith("-secrets"):
                seen.setdefault(source, set()).add(name)
                assert read_only == (name != "secrets")

    assert seen == {
        "elastic-secrets": {"secrets", "elasticsearch", "accounts", "setup"},
        "elasticsearch-secrets": {"secrets", "elasticsearch"},
        "kibana-secrets": {"secrets", "accounts", "kibana"},
        "worker-secrets": {"secrets", "accounts", "worker"},
    }


def test_logs_are_only_read_and_positions_outlive_the_container() -> None:
    for name in ("ship", "demo-ship"):
        mounted = mounts(SERVICES[name])
        pattern = SERVICES[name]["command"][1]
        assert [is_read_only for target, (_, is_read_only) in mounted.items() if pattern.startswith(target + "/")] == [
            True
        ]
        assert mounted["/var/lib/tetrastash"][1] is False
    assert mounts(SERVICES["ship"])["/var/lib/tetrastash"] != mounts(SERVICES["demo-ship"])["/var/lib/tetrastash"]


@pytest.mark.parametrize("name", [*OURS, *sorted(HELPING)])
def test_our_containers_have_no_capability_and_write_to_volumes_only(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]


def test_the_certificate_is_for_the_name_that_clients_call() -> None:
    host = "elasticsearch"

    assert f"DNS:{host}," in (ROOT / "deploy/compose/secrets").read_text()
    assert host in SERVICES
    assert set(re.findall(r"https://([\w-]+):9200", TEXT)) == {host, "localhost"}


def test_the_worker_may_write_where_documents_go() -> None:
    accounts = (ROOT / "deploy/compose/accounts.py").read_text()
    [pattern] = re.findall(r'"names": \["([^"]+)"\]', accounts)

    assert fnmatchcase(Settings().data_stream, pattern)


def test_only_the_folder_of_the_logs_and_the_port_of_kibana_come_from_outside() -> None:
    assert set(re.findall(r"\$\{(\w+)", TEXT)) == {"TETRAGON_LOGS", "KIBANA_PORT"}


def test_the_demo_writes_its_logs_where_they_are_shipped_from_and_only_once(tmp_path: Path) -> None:
    def story() -> str:
        command = [ROOT / "deploy/compose/story", tmp_path]
        # Ten minutes of twenty nodes take ten seconds to write; a python3 of ours asks for less.
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout

    (tmp_path / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@" --minutes 0.1\n')
    (tmp_path / "python3").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes/torn.log").write_text("what an interrupted one has left")

    assert story().startswith("story: made, from ")
    assert story() == "story: already there\n"
    pattern = SERVICES["demo-ship"]["command"][1].removeprefix("/var/log/demo/")
    assert len(list(tmp_path.glob(pattern))) == 20
    assert not (tmp_path / "nodes/torn.log").exists()
