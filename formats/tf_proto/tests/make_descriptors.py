"""Writes `descriptors.json`: names, numbers and types of TensorFlow's messages, from an installed TensorFlow.

Run by hand, with a TensorFlow 2.15 or later: python make_descriptors.py
The Rust test `descriptors` holds our `.proto` files against the result.
"""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from tensorflow.core.framework import attr_value_pb2, function_pb2, graph_pb2  # noqa: E402
from tensorflow.core.protobuf import (  # noqa: E402
    meta_graph_pb2,
    saved_model_pb2,
    saved_object_graph_pb2,
    struct_pb2,
    tensor_bundle_pb2,
    trackable_object_graph_pb2,
)
from tensorflow.python.keras.protobuf import saved_metadata_pb2  # noqa: E402

FILES = [
    attr_value_pb2,
    function_pb2,
    graph_pb2,
    meta_graph_pb2,
    saved_model_pb2,
    saved_object_graph_pb2,
    struct_pb2,
    tensor_bundle_pb2,
    trackable_object_graph_pb2,
    saved_metadata_pb2,
]


def type_name(field):
    """The type as a `.proto` file writes it."""
    if field.message_type:
        return field.message_type.full_name
    if field.enum_type:
        return field.enum_type.full_name
    names = {v: k for k, v in type(field).__dict__.items() if k.startswith("TYPE_")}
    return names[field.type][len("TYPE_"):].lower()


def add_message(message, out):
    out["messages"][message.full_name] = {
        field.name: [field.number, "repeated" if field.label == field.LABEL_REPEATED else "one", type_name(field)]
        for field in message.fields
    }
    for enum in message.enum_types:
        add_enum(enum, out)
    for nested in message.nested_types:
        add_message(nested, out)


def add_enum(enum, out):
    out["enums"][enum.full_name] = {value.name: value.number for value in enum.values}


def main():
    out = {"messages": {}, "enums": {}}
    seen = set()

    def visit(file):
        if file.name in seen:
            return
        seen.add(file.name)
        for dependency in file.dependencies:
            visit(dependency)
        for message in file.message_types_by_name.values():
            add_message(message, out)
        for enum in file.enum_types_by_name.values():
            add_enum(enum, out)

    for module in FILES:
        visit(module.DESCRIPTOR)

    lines = []
    for kind in ("messages", "enums"):
        rows = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(out[kind].items())]
        lines.append(f'{json.dumps(kind)}: {{\n' + ",\n".join(rows) + "\n}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    # TensorFlow's bundled copy of Keras has its place in the source tree in the name; the wire does not.
    text = text.replace("third_party.tensorflow.python.keras.protobuf.", "keras.")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "descriptors.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


main()
