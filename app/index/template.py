"""The index template of the data stream, made from the fields that documents have.

A document is never refused for what it holds beside these fields: `dynamic` is off, so anything else stays in the
document unindexed (dynamic mapping refuses an object where it saw a number, and one deep object overflows the stack of
the node); a value that does not fit its field, or is too long for it, costs the field. More can be mapped by the
component template `<data stream without namespace>@custom`, as beside Elastic's own templates.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from schemas.document import FIELDS

PRIORITY: Final = 400  # Fleet's is 200
MANAGED_BY: Final = "tetrastash"

# In characters. A term may have 32,766 bytes, a character four of them; in a flattened field its key counts too.
KEYWORD_LIMIT: Final = 8191
FLATTENED_LIMIT: Final = 4096
# Elasticsearch reads 1,000 levels at most; Tetragon writes about ten.
DEPTH_LIMIT: Final = 250
FIELDS_LIMIT: Final = 5_000

# What an assembly of Elasticsearch may lack, and what does nearly the same.
REPLACEMENTS: Final[Mapping[str, str]] = {
    "constant_keyword": "keyword",
    "match_only_text": "text",
    "wildcard": "keyword",
}

_PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "keyword": {"ignore_above": KEYWORD_LIMIT},
    "wildcard": {"ignore_above": KEYWORD_LIMIT},
    "flattened": {"ignore_above": FLATTENED_LIMIT, "depth_limit": DEPTH_LIMIT},
}
# Kept to be read, not to be searched: without a limit.
_UNINDEXED: Final = {"event.original": {"type": "keyword", "index": False, "doc_values": False}}
_MISSING_TYPE: Final = re.compile(r"(?:mapper type|handler for type) \[(\w+)\]")


def template_name(data_stream: str) -> str:
    return f"{MANAGED_BY}-{data_stream}"


def custom_component(data_stream: str) -> str:
    """The component template in which operators map more."""
    return f"{data_stream.rpartition('-')[0]}@custom"


def index_template(data_stream: str, lacking: frozenset[str] = frozenset()) -> dict[str, Any]:
    """`lacking`: field types that this Elasticsearch does not have, as `missing_type` tells."""
    template = {
        "settings": {
            "index.mapping.ignore_malformed": True,
            "index.mapping.total_fields.limit": FIELDS_LIMIT,
        },
        "mappings": {
            "_meta": {"managed_by": MANAGED_BY},
            "dynamic": False,
            "date_detection": False,
            "properties": properties(FIELDS, lacking),
        },
        # A refused document is to come back as a dead letter with its reason, and not to be hidden beside the stream.
        "data_stream_options": {"failure_store": {"enabled": False}},
    }
    return {
        "index_patterns": [data_stream],
        "data_stream": {},
        "priority": PRIORITY,
        "composed_of": [custom_component(data_stream)],
        "ignore_missing_component_templates": [custom_component(data_stream)],
        "template": template,
        "_meta": {
            "managed_by": MANAGED_BY,
            "description": "Tetragon's events, one document each",
            "digest": _digest(template),
        },
    }


def properties(fields: Mapping[str, str], lacking: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Dotted names as the nested properties of a mapping."""
    tree: dict[str, Any] = {}
    for name, field_type in sorted(fields.items()):
        *parents, leaf = name.split(".")
        level = tree
        for parent in parents:
            level = level.setdefault(parent, {"properties": {}})["properties"]
        level[leaf] = _UNINDEXED.get(name) or _field(REPLACEMENTS[field_type] if field_type in lacking else field_type)
    return tree


def missing_type(reason: str) -> str | None:
    """The field type that a refusal of the template names as unknown, if we have another for it."""
    named = _MISSING_TYPE.search(reason)
    return named[1] if named is not None and named[1] in REPLACEMENTS else None


def _field(field_type: str) -> dict[str, Any]:
    return {"type": field_type, **_PARAMETERS.get(field_type, {})}


def _digest(template: Mapping[str, Any]) -> str:
    return hashlib.blake2b(orjson.dumps(template, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
