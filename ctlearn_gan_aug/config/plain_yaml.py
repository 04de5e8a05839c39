"""YAML of plain values, of which nothing is dropped or guessed at."""

import re
from itertools import chain
from typing import Any, BinaryIO

import yaml

from ..errors import UserError

#: Deepest nesting, and most values once aliases are written out.
_MAX_DEPTH, _MAX_VALUES = 20, 1_000_000
_TAG = "tag:yaml.org,2002:"
#: Kept of what YAML 1.1 sees in unquoted text; dates stay text.
_KEPT = {f"{_TAG}{name}" for name in ("null", "bool", "merge")}
#: Decimal numbers as people write them: in YAML 1.1 5e-4 is text, 010 is 8 and 1:30 is 90.
_NUMBERS = {
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,99}|0x[0-9a-fA-F]{1,99})$"),
    "float": re.compile(
        r"[-+]?(?:(?:\d[\d_]*\.\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)$"
        r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$",
        re.ASCII,
    ),
}
#: Characters that no file name and no output can hold.
_BROKEN = re.compile("[\0\ud800-\udfff]")


def read_yaml(stream: BinaryIO | str, source: str) -> Any:
    """Values of a YAML document; ``source`` is its name in messages.

    Raises
    ------
    UserError
        If it is not YAML in UTF-8, gives a key twice, has tags, or is nested or repeats itself
        beyond what a configuration may need.
    """
    try:
        return yaml.load(stream, _Loader)
    except _Refusal as error:
        raise UserError(f"{source}, line {error.problem_mark.line + 1}: {error.problem}.") from None
    except RecursionError:
        raise UserError(f"{source}: is nested more than {_MAX_DEPTH} levels deep.") from None
    except yaml.reader.ReaderError as error:
        raise UserError(f"{source}: is not text in UTF-8 ({error.reason}).") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(filter(None, (error.context, error.problem)))
        if "'\\t'" in problem:
            problem = "a tab, where only spaces may indent"
        raise UserError(
            f"{source}, line {mark.line + 1}: is not valid YAML ({' '.join(problem.split())})."
        ) from None


def write_yaml(values: Any, compact: bool = False) -> str:
    """Plain values as a YAML document that `read_yaml` takes for the same.

    A ``compact`` one has lists and mappings of single values on one line each.
    """
    style = None if compact else False
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, default_flow_style=style)


class _Refusal(yaml.MarkedYAMLError):
    """Valid YAML, but no configuration."""


class _Loader(yaml.SafeLoader):
    """Refuses what SafeLoader drops (the first of two equal keys) or repeats without end."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream):
        super().__init__(stream)
        #: Values that every node stands for, and levels below it.
        self._extent: dict[yaml.Node, tuple[int, int]] = {}

    def compose_node(self, parent, index):
        """One value with all below it."""
        event = self.peek_event()
        mark, is_alias = event.start_mark, isinstance(event, yaml.AliasEvent)
        if not is_alias and event.tag:
            shown = event.tag.replace(_TAG, "!!")
            _refuse(f"the tag {shown} is not taken; write plain values", mark)
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode) and _BROKEN.search(node.value):
            _refuse("holds a character (NUL or half a pair) that no text may have", mark)
        if not is_alias:
            self._measure(node, mark)
        elif node not in self._extent:
            _refuse("an alias (*) stands inside of what it stands for", mark)
        return node

    def compose_mapping_node(self, anchor):
        """A mapping that gives each key once."""
        node, lines = super().compose_mapping_node(anchor), {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{_TAG}merge":
                continue
            name, mark = (key.tag, key.value), key.start_mark
            if name in lines:
                first = f"first in line {lines[name]}"
                _refuse(f"key '{key.value}' is given twice, {first}; keep one of them", mark)
            lines[name] = mark.line + 1
        return node

    def _measure(self, node: yaml.Node, mark) -> None:
        """Aliases of aliases can stand for more values than any memory holds."""
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        if isinstance(node, yaml.MappingNode):
            children = chain.from_iterable(children)
        extents = [self._extent[child] for child in children]
        size = 1 + sum(size for size, _ in extents)
        depth = 1 + max((depth for _, depth in extents), default=0)
        if size > _MAX_VALUES:
            _refuse(f"its aliases (*) make more than {_MAX_VALUES} values", mark)
        if depth > _MAX_DEPTH:
            _refuse(f"is nested more than {_MAX_DEPTH} levels deep", mark)
        self._extent[node] = size, depth


def _refuse(problem: str, mark):
    raise _Refusal(problem=problem, problem_mark=mark)


class _Dumper(yaml.SafeDumper):
    """Quotes text that `_Loader` would take for a number, and repeats rather than refers."""

    def ignore_aliases(self, data):
        """Whether equal values are written out."""
        return True


for _name, _pattern in _NUMBERS.items():
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(f"{_TAG}{_name}", _pattern, list("-+.0123456789"))
