"""Distractors for a schema of one domain: the generated enterprise's tables and tools, put beside its own."""

from __future__ import annotations

from artificer.worlds.enterprise.blueprint import blueprint
from artificer.worlds.enterprise.generated import generated_image, statements
from artificer.worlds.sqlite.build import Builder
from artificer.worlds.sqlite.derive import derive
from artificer.worlds.sqlite.schema import Schema, read_schema
from artificer.worlds.sqlite.session import SqlTool
from artificer.worlds.sqlite.values import quote
from artificer.worlds.sqlite.world import opened


def borrowed(image: bytes, schema: Schema, seed: int) -> tuple[bytes, list[SqlTool]]:
    """An image with the enterprise's tables added to it, and the tools for those. Tables of a name that is taken, and
    what refers to them, are left out.
    """
    plan = blueprint()
    taken = {name.lower() for name in schema.tables}
    kept = dict(plan.entities)
    while True:
        gone = {
            name
            for name, entity in kept.items()
            if name.lower() in taken or any(field.target and field.target not in kept for field in entity.fields)
        }
        if not gone:
            break
        kept = {name: entity for name, entity in kept.items() if name not in gone}
    source = Builder(generated_image(seed))
    target = Builder(image)
    for entity in kept.values():
        for statement in statements(plan, entity):
            target.run(statement)
        columns = [entity.key, *(field.name for field in entity.fields)]
        target.insert(entity.name, columns, source.read(f"SELECT {', '.join(map(quote, columns))} FROM {quote(entity.name)}"))
    wider = target.image()
    connection = opened(wider)
    found = read_schema(connection)
    connection.close()
    tools, _ = derive(found)
    return wider, [tool for tool in tools if tool.spec.attributes["table"] in kept]
