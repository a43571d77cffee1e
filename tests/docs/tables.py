"""The tables in docs/ that follow from the code.

    python -m tests.docs.tables

writes them anew between the marks in the files; a test holds that they are up to date.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import yaml

from app.check.policies import decoded, read_policies
from app.enrich.drops.fields import Field, fields
from app.enrich.registry import load_agents
from app.kafka.rights import RIGHTS
from app.kafka.topics import topic_names
from app.settings import FILE, PREFIX, Settings, choices, secrets
from schemas.escape.rules import RULES
from schemas.tetragon import BODIES
from tests.docs.documents import documents_text

DOCS: Final = Path(__file__).parents[2] / "docs"


def settings_table() -> str:
    hidden = set(secrets())
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        meaning = str(field.description).replace("<", "&lt;")
        variable = f"`{PREFIX}{name.upper()}`"
        if name in hidden:
            variable += f"<br>or `…{FILE}`"
        rows.append((variable, default, "; ".join([meaning, *choices(name)])))
    return _table(("variable", "default", "meaning"), rows)


def agents_table() -> str:
    rows = []
    for agent in load_agents(None):
        module = inspect.getmodule(agent.function)
        assert module is not None
        assert module.__doc__ is not None
        rows.append(
            (
                f"[`{agent.name}`](../agents/{agent.name}.py)",
                module.__doc__.partition("\n")[0],
                _names(agent.events) if agent.events is not None else "all",
                _names(agent.adds),
                _names(agent.takes[1:]),
            )
        )
    return _table(("agent", "what it tells", "of events", "in fields", "from the event and"), rows)


def policies_table() -> str:
    rows = []
    for file in sorted((DOCS.parent / "deploy" / "policies").glob("*.yaml")):
        hooks = [hook for policy in read_policies(file.read_bytes(), file.name) for hook in decoded(policy)]
        kinds = {kind for hook in hooks for kind in hook.kinds}
        rows.append(
            (
                f"[`{file.name}`](../deploy/policies/{file.name})",
                _names(kinds),
                _names({hook.hook.removeprefix("security_") for hook in hooks}),
            )
        )
    return _table(("policy", "operations", "hooks"), rows)


def sigma_table() -> str:
    pipeline = yaml.safe_load((DOCS.parent / "deploy" / "sigma" / "tetragon.yaml").read_text("utf-8"))
    [fields] = [each["mapping"] for each in pipeline["transformations"] if each["id"] == "fields"]
    return _table(("Sigma", "documents"), [(f"`{theirs}`", f"`{ours}`") for theirs, ours in fields.items()])


def drops_table() -> str:
    """What stands below `process` stands below `parent` and `ancestors`, too."""
    rows: dict[str, list[str]] = {}
    for field in fields().values():
        if field.path.startswith(("parent.", "ancestors.")):
            continue
        everywhere = "all" if field.events == set(BODIES) else _names(field.events)
        rows.setdefault(everywhere, []).append(_shown(field))
    return _table(("of events", "fields"), [(events, ", ".join(shown)) for events, shown in rows.items()])


def _shown(field: Field) -> str:
    kind = {"text": "", "number": " (number)", "flag": " (true or false)"}[field.kind]
    return f"`{field.path}{'.<name>' if field.keyed else ''}`{' (list)' if field.many else kind}"


def rights_table() -> str:
    needed: dict[tuple[str, str], list[str]] = {}
    for command, role, right in RIGHTS:
        needed.setdefault((command, f"topic `{topic_names(Settings())[role]}`"), []).append(right)
    for group in (Settings().enrich_group, Settings().index_group):
        needed["work", f"group `{group}`"] = ["Read"]
    rows = [(f"`{command}`", what, ", ".join(rights)) for (command, what), rights in needed.items()]
    return _table(("command", "on", "rights"), rows)


def escape_table() -> str:
    rows = [
        (
            f"`{rule.full_name}`",
            rule.condition,
            str(rule.severity),
            ", ".join(rule.techniques),
            f"{rule.benign[0].upper()}{rule.benign[1:]}.",
        )
        for rule in RULES.values()
    ]
    return _table(("rule", "when", "severity", "techniques", "who does the same and means no harm"), rows)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "settings.md": settings_table,
    "agents.md": agents_table,
    "check.md": policies_table,
    "documents.md": documents_text,
    "drops.md": drops_table,
    "escape.md": escape_table,
    "security.md": rights_table,
    "sigma.md": sigma_table,
}

_MARKED: Final = re.compile(r"(<!-- table -->\n).*?(\n<!-- end -->)", re.DOTALL)


def renewed(text: str, table: str) -> str:
    """Raises ValueError where the marks are missing."""
    if _MARKED.search(text) is None:
        raise ValueError("Expected a line <!-- table --> and, below it, a line <!-- end -->.")
    return _MARKED.sub(lambda marks: f"{marks[1]}{table}{marks[2]}", text)


def main() -> None:
    for name, table in TABLES.items():
        file = DOCS / name
        file.write_text(renewed(file.read_text("utf-8"), table()), "utf-8")


if __name__ == "__main__":
    main()
