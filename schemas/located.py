"""YAML whose errors name the line, checked by pydantic."""

import difflib
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it

_DEEPEST: Final = 32  # levels; no file that is meant well has ten
_TOLD: Final = 40  # characters of what is no value

M = TypeVar("M", bound=BaseModel)


class Located:
    """What a text of YAML says, and where it says it."""

    def __init__(self, text: bytes, file: str) -> None:
        """Raises ValueError for what is no YAML, and for a key that stands twice, which YAML's last would hide."""
        self.file = file
        try:
            self._node, self.value = self._read(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{file}, line {mark.line + 1}" if mark else file
            raise ValueError(f"{where}: {error.problem or error.context}. Expected YAML.") from None
        except yaml.YAMLError as error:  # bytes that are no text have no mark
            raise ValueError(f"{file}: {' '.join(str(error).split())}. Expected YAML in UTF-8.") from None

    def _read(self, text: bytes) -> tuple[yaml.Node | None, Any]:
        _refuse_depth(self, text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, {}
            _refuse_twice(self, node)
            try:
                return node, loader.construct_document(node)
            except (ValueError, OverflowError) as error:  # a date with a 13th month, a number without end
                raise ValueError(_no_value(self, [*loader.recursive_objects][-1], error)) from None
        finally:
            loader.dispose()

    def where(self, place: Sequence[str | int]) -> str:
        """`place` names keys and positions from the top on; one that is not there stands where it would have been."""
        node, line = self._node, 0
        for step in place:
            found = _below(node, step)
            if found is None:
                break
            node, line = found
        return f"{self.file}, line {line + 1}"

    def read(self, model: type[M]) -> M:
        """Raises ValueError with a sentence for each thing that `model` refuses."""
        try:
            return model.model_validate(self.value)
        except ValidationError as error:
            raise ValueError("\n".join(self._refused(dict(each), model) for each in error.errors())) from None

    def _refused(self, problem: dict[str, Any], model: type[BaseModel]) -> str:
        place: tuple[str | int, ...] = problem["loc"]
        where = self.where(place)
        if not place:
            return f"{where}: there is {problem['input']!r}. Expected names and values: {', '.join(_keys(model, ()))}."
        name = place[-1] if isinstance(place[-1], str) else f"{place[-2]}[{place[-1]}]"
        if problem["type"] == "extra_forbidden":
            known = _keys(model, place[:-1])
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            return f"{where}: {name!r} is unknown here.{hint} Expected some of {', '.join(known)}."
        if problem["type"] == "missing":
            return f"{where}: {name!r} is missing. Expected it beside what stands here."
        if problem["type"] == "model_type":
            expected = ", ".join(_keys(model, place))
            return f"{where}: {name!r} is {problem['input']!r}. Expected names and values: {expected}."
        quotes = " (a number or a date needs quotes to be text)" if problem["type"] == "string_type" else ""
        return f"{where}: {name!r} is {problem['input']!r}. {problem['msg']}{quotes}."


def _keys(model: Any, place: Sequence[str | int]) -> list[str]:
    """What the mapping at `place` may have."""
    for step in place:
        if isinstance(step, str):
            model = model.model_fields[step].annotation
        model = _element(model)
    return list(model.model_fields)


def _element(annotation: Any) -> Any:
    """The model in it: of Sequence[Category] Category, of Access | None Access."""
    for argument in getattr(annotation, "__args__", ()):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return annotation


def _below(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    """The node there and the line on which it is named."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None


def _no_value(located: Located, node: yaml.Node, error: Exception) -> str:
    """Of the node that was being made into one."""
    written = str(node.value)
    told = written if len(written) <= _TOLD else f"{written[:_TOLD]}…"
    return f"{located.file}, line {node.start_mark.line + 1}: {told!r} is no value: {error}. Expected YAML."


def _refuse_depth(located: Located, text: bytes) -> None:
    """What composes nodes calls itself for each level, and ends the program where that is too often."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise ValueError(f"{located.file}, line {line}: more than {_DEEPEST} levels. Expected fewer.")


def _refuse_twice(located: Located, top: yaml.Node) -> None:
    waiting, met = [top], {id(top)}  # a node may stand in several places, and within itself
    while waiting:
        node = waiting.pop()
        below: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            below = node.value
        elif isinstance(node, yaml.MappingNode):
            _refuse_second_key(located, node)
            below = [value for _, value in node.value]
        waiting += [each for each in below if id(each) not in met]
        met.update(map(id, below))


def _refuse_second_key(located: Located, node: yaml.MappingNode) -> None:
    first: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        if key.value in first:
            raise ValueError(
                f"{located.file}, line {line}: {key.value!r} stands in line {first[key.value]} already. "
                "Expected every name once."
            )
        first[key.value] = line
