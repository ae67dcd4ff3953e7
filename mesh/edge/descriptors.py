"""The descriptor set that the transcoder reads: the contracts and the details of errors."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2

from mesh.contract.image import image_bytes


def _with_imports(file: FileDescriptor) -> Iterator[FileDescriptorProto]:
    """A file after everything that it imports."""
    for imported in file.dependencies:
        yield from _with_imports(imported)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    yield proto


def descriptor_set() -> bytes:
    """The image without its comments, and the types that an error's details may have."""
    files = {file.name: file for file in FileDescriptorSet.FromString(image_bytes()).file}
    for module in (error_details_pb2, status_pb2):
        for file in _with_imports(module.DESCRIPTOR):
            files.setdefault(file.name, file)
    for file in files.values():
        file.ClearField("source_code_info")
    return FileDescriptorSet(file=files.values()).SerializeToString(deterministic=True)
