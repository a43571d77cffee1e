"""An Elasticsearch that speaks HTTP, with security, and has what its members say."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from app.index.template import index_template, template_name
from tests.index.server import PRODUCT

STREAM = "logs-cilium_tetragon.log-default"
INDEX = f".ds-{STREAM}-2026.01.05-000001"
SWEEPING = ("read", "view_index_metadata", "monitor", "maintenance", "delete")
RIGHTS = frozenset(("monitor", "manage_index_templates", "create_doc", "auto_configure", *SWEEPING))


def unauthorized(reason: str, status: int = 403) -> web.Response:
    body = {"error": {"type": "security_exception", "reason": reason}, "status": status}
    return web.json_response(body, status=status, headers=PRODUCT)


def missing() -> web.Response:
    body = {"error": {"type": "resource_not_found_exception", "reason": "missing"}, "status": 404}
    return web.json_response(body, status=404, headers=PRODUCT)


@dataclass
class Cluster:
    """`security` off answers like an assembly that lacks it; `properties` are of the data stream's newest index."""

    version: str = "9.1.0"
    security: bool = True
    known: bool = True
    rights: frozenset[str] = RIGHTS
    templates: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {template_name(STREAM): index_template(STREAM)}
    )
    resolved: Mapping[str, Any] = field(default_factory=lambda: {"indices": [], "aliases": []})
    mapping: Mapping[str, Any] | None = None
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        if self.security and not self.known:
            return unauthorized("unable to authenticate user [tetrastash]", 401)
        path = request.path
        if path == "/_security/user/_has_privileges":
            return await self._privileges(request)
        if path == "/":
            return self._told({"version": {"number": self.version}}, "monitor")
        if path == "/_index_template":
            templates = [{"name": name, "index_template": each} for name, each in self.templates.items()]
            return self._told({"index_templates": templates}, "monitor")
        if path.startswith("/_index_template/"):
            name = path.rpartition("/")[2]
            if name not in self.templates:
                return missing()
            return self._told({"index_templates": [{"name": name, "index_template": self.templates[name]}]}, "monitor")
        if path.startswith("/_resolve/index/"):
            streams = [{"name": STREAM, "backing_indices": ["older", INDEX], "timestamp_field": "@timestamp"}]
            there = self.mapping is not None
            resolved = {**self.resolved, "data_streams": streams if there else []}
            return self._told(resolved, "view_index_metadata")
        assert path == f"/{INDEX}/_mapping", path
        return self._told({INDEX: {"mappings": self.mapping}}, "view_index_metadata")

    async def _privileges(self, request: web.Request) -> web.Response:
        if not self.security:
            body = {"error": "no handler found for uri [/_security/user/_has_privileges] and method [POST]"}
            return web.json_response(body, status=400, headers=PRODUCT)
        asked = await request.json()
        [index] = asked["index"]
        held = {right: right in self.rights for right in index["privileges"]}
        answer = {
            "username": "tetrastash",
            "cluster": {right: right in self.rights for right in asked["cluster"]},
            "index": {index["names"][0]: held},
        }
        return web.json_response(answer, headers=PRODUCT)

    def _told(self, body: Mapping[str, Any], right: str) -> web.Response:
        if self.security and right not in self.rights:
            return unauthorized(f"action is unauthorized, this action is granted by the privileges [{right}]")
        return web.json_response(body, headers=PRODUCT)


@asynccontextmanager
async def serving(cluster: Cluster, tls: ssl.SSLContext | None = None) -> AsyncIterator[Cluster]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cluster.answer)
    server = TestServer(app, scheme="http" if tls is None else "https")
    await server.start_server(ssl=tls)
    try:
        cluster.url = str(server.make_url("/"))
        yield cluster
    finally:
        await server.close()
