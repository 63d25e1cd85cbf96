"""Prints the properties of CloudFormation's resource types, as `properties.txt` holds them.

The resource schemas are CloudFormation's own, public ones. The package `cfn-lint` carries them.
README.md beside it says how to run it.
"""

import json
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

import cfnlint

SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"
REGION = "us-east-1"
DEEPEST = 12


def resolved(schema, root, seen):
    """The schema that a reference leads to, and the references on the way to it."""
    while isinstance(schema, dict) and "$ref" in schema:
        name = schema["$ref"]
        if name in seen:
            return {}, seen
        seen = seen | {name}
        at = root
        for part in name.removeprefix("#/").split("/"):
            at = at.get(part, {})
        schema = {**at, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema, seen


def names(schema, root, seen=frozenset(), depth=0):
    """The named properties of a schema as a tree. Lists are passed through."""
    schema, seen = resolved(schema, root, seen)
    tree = {}
    if not isinstance(schema, dict) or depth > DEEPEST:
        return tree
    for name, of in schema.get("properties", {}).items():
        tree.setdefault(name, {}).update(names(of, root, seen, depth + 1))
    for key in ("items", "anyOf", "oneOf", "allOf"):
        of = schema.get(key, [])
        for one in of if isinstance(of, list) else [of]:
            for name, inner in names(one, root, seen, depth + 1).items():
                tree.setdefault(name, {}).update(inner)
    return tree


def shown(tree):
    """`A B{C D}`: a property with those beneath it in braces."""
    each = (name + (f"{{{shown(inner)}}}" if inner else "") for name, inner in sorted(tree.items()))
    return " ".join(each)


def without(tree, path):
    """Removes a property that only the service sets."""
    first, _, rest = path.partition("/")
    if first == "*":
        for inner in tree.values():
            without(inner, rest)
    elif not rest:
        tree.pop(first, None)
    elif first in tree:
        without(tree[first], rest)


def main():
    carried = version("cfn-lint")
    told = json.loads((SCHEMAS / "version.json").read_text())["schema_date"]
    of_types = json.loads((SCHEMAS / "providers" / f"{REGION}.json").read_text())
    print(f"# CloudFormation's resource schemas of {REGION}, {told}, from cfn-lint {carried} (PyPI).")
    print("# Printed by print.py: the properties that a template may give. Do not edit by hand.")
    for kind in sorted(set(sys.argv[1:])):
        schema = json.loads((SCHEMAS / "resources" / f"{of_types[kind]}.json").read_text())
        tree = names({"properties": schema["properties"]}, schema)
        for pointer in schema.get("readOnlyProperties", []):
            without(tree, pointer.removeprefix("/properties/").replace("/items", ""))
        text = shown(tree)
        lines = textwrap.wrap(text, 98, break_long_words=False, break_on_hyphens=False)
        print(f"{kind}")
        for line in lines:
            print(f"  {line}")


main()
