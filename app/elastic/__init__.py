"""Elasticsearch as every command meets it: how to reach it, and why it fails."""

from app.elastic.clients import bulk_client, client

__all__ = ["bulk_client", "client"]
