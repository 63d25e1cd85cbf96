"""Operations of services that speak REST with JSON, by botocore's models."""

import functools
import re
from urllib.parse import parse_qsl, unquote

import botocore.session

# Name of the service in signatures → name of botocore's model.
MODELS = {"backup": "backup", "elasticfilesystem": "efs"}


def operation(service, environ):
    """Returns the operation and its parameters of the path and the query."""
    path = (environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")).split("?", 1)[0]
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    for name, method, pattern in operations(service):
        found = pattern.fullmatch(path.rstrip("/")) if method == environ["REQUEST_METHOD"] else None
        if found:
            return name, {**{key: unquote(value) for key, value in found.groupdict().items()}, **query}
    return "Unknown", query


@functools.cache
def operations(service):
    """(operation, method, pattern of the path) of each operation, the longest paths first."""
    model = botocore.session.get_session().get_service_model(MODELS[service])
    rows = [model.operation_model(name) for name in model.operation_names]
    rows.sort(key=lambda row: (-row.http["requestUri"].count("/"), row.http["requestUri"].count("{")))
    return [(row.name, row.http["method"], pattern(row)) for row in rows]


def pattern(operation):
    uri = operation.http["requestUri"].split("?", 1)[0].rstrip("/")
    # The path has the names on the wire, a caller's parameters those of the shape.
    names = {}
    shape = operation.input_shape
    for name, member in (shape.members if shape else {}).items():
        if member.serialization.get("location") == "uri":
            names[member.serialization.get("name", name)] = name
    parts = re.split(r"\{([^}]+)\}", uri)
    fixed = [re.escape(part) for part in parts[0::2]]
    slots = [f"(?P<{names[slot.rstrip('+')]}>{'.+' if slot.endswith('+') else '[^/]+'})" for slot in parts[1::2]]
    return re.compile("".join(part for pair in zip(fixed, [*slots, ""]) for part in pair))
