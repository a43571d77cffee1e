"""What the services of docker-compose.yml trust each other by, made by the real script and shown to a real server."""

import asyncio
import json
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import encode_basic_auth, web

from app.elastic import client
from app.settings import read_settings

DEPLOY = Path(__file__).parents[2] / "deploy/compose"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("secrets")
    for service in ("elastic", "elasticsearch", "kibana", "worker"):
        (made / service).mkdir()
    assert run_secrets(made) == "secrets: made\n"
    return made


def run_secrets(folder: Path) -> str:
    return subprocess.run([DEPLOY / "secrets", folder], capture_output=True, text=True, check=True).stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nobody_else_may_read_them(folder: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}

    assert modes == {0o600}  # Elasticsearch refuses a password file with any other but 400


def test_each_service_has_what_it_needs_and_the_authority_s_key_is_gone(folder: Path) -> None:
    assert set(contents(folder)) == {
        "elastic/ca.pem",
        "elastic/password",
        "elasticsearch/ca.pem",
        "elasticsearch/certificate.pem",
        "elasticsearch/key.pem",
        "kibana/ca.pem",
        "kibana/password",
        "kibana/secrets.yml",
        "worker/ca.pem",
        "worker/made",
        "worker/password",
    }


def test_no_two_secrets_are_alike_and_none_can_be_guessed(folder: Path) -> None:
    passwords = [(folder / name / "password").read_text().strip() for name in ("elastic", "kibana", "worker")]
    kibana = yaml.safe_load((folder / "kibana/secrets.yml").read_text())

    assert kibana["elasticsearch.password"] == passwords[1]
    keys = [value for name, value in kibana.items() if name.endswith("encryptionKey")]
    assert len({*passwords, *keys}) == 6
    assert all(len(bytes.fromhex(each)) == 16 for each in [*passwords, *keys])


def test_to_run_it_again_changes_nothing(folder: Path) -> None:
    before = contents(folder)

    assert run_secrets(folder) == "secrets: already there\n"
    assert contents(folder) == before


def test_one_that_was_interrupted_is_begun_again(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    (again / "worker/made").unlink()

    assert run_secrets(again) == "secrets: made\n"
    assert set(contents(again)) == set(contents(folder))


@asynccontextmanager
async def elasticsearch(folder: Path, answers: list[int]) -> AsyncIterator[tuple[str, list[tuple[str, str, object]]]]:
    """Over TLS, with the certificate that was made; answers with these statuses first, then 200."""
    seen: list[tuple[str, str, object]] = []

    async def answer(request: web.Request) -> web.Response:
        known = encode_basic_auth("elastic", (folder / "elastic/password").read_text().strip())
        if request.headers.get("Authorization") != known:
            return web.json_response({"error": "missing authentication credentials"}, status=401)
        status = answers.pop(0) if answers else 200
        if status == 200:
            seen.append((request.method, request.path, await request.json() if request.can_read_body else None))
        return web.json_response({}, status=status, headers={"X-Elastic-Product": "Elasticsearch"})

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "elasticsearch/certificate.pem", folder / "elasticsearch/key.pem")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield f"https://localhost:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


async def run_accounts(url: str, folder: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, DEPLOY / "accounts.py", url, folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said[0].decode()


async def test_the_accounts_get_their_passwords_and_the_worker_its_few_rights(folder: Path) -> None:
    async with elasticsearch(folder, [503]) as (url, seen):
        status, said = await run_accounts(url, folder)

    assert status == 0, said
    bodies = {path: body for _, path, body in seen}
    assert list(bodies) == [
        "/_security/role/tetrastash",
        "/_security/user/tetrastash",
        "/_security/user/kibana_system/_password",
    ]
    role = json.dumps(bodies["/_security/role/tetrastash"])
    assert "all" not in role
    assert "manage" not in role
    assert all(secret.decode().strip() not in said for name, secret in contents(folder).items() if "password" in name)


async def test_a_refusal_is_told_and_not_repeated(folder: Path) -> None:
    async with elasticsearch(folder, [403]) as (url, _):
        status, said = await run_accounts(url, folder)

    assert status == 1
    assert said.startswith(f"accounts: role tetrastash cannot be set at {url}: 403")


async def test_who_is_not_elasticsearch_is_not_told_a_password(folder: Path, tmp_path: Path) -> None:
    for service in ("elastic", "elasticsearch", "kibana", "worker"):
        (tmp_path / service).mkdir()
    run_secrets(tmp_path)
    async with elasticsearch(tmp_path, []) as (url, seen):
        status, said = await run_accounts(url, folder)

    assert status == 1
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert seen == []


async def test_the_worker_s_client_trusts_the_certificate_and_shows_the_password_of_the_file(folder: Path) -> None:
    async with elasticsearch(folder, []) as (url, seen):
        settings = read_settings(
            {
                "TETRASTASH_ELASTICSEARCH": url,
                "TETRASTASH_ELASTICSEARCH_CA": str(folder / "elastic/ca.pem"),
                "TETRASTASH_ELASTICSEARCH_USERNAME": "elastic",
                "TETRASTASH_ELASTICSEARCH_PASSWORD_FILE": str(folder / "elastic/password"),
            }
        )
        async with client(settings) as connected:
            await connected.cluster.health()

    assert [path for _, path, _ in seen] == ["/_cluster/health"]


def test_the_strictest_client_takes_the_certificate(folder: Path) -> None:
    strict = ssl.create_default_context(cafile=str(folder / "worker/ca.pem"))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "elasticsearch/certificate.pem", folder / "elasticsearch/key.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = strict.wrap_bio(to_client, to_server, server_hostname="elasticsearch")
    other = server_side.wrap_bio(to_server, to_client, server_side=True)

    for side in (one, other, one, other):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue

    assert one.version() is not None
