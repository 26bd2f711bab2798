"""A notebook over MCP, state in the process: for tests of private state, forks by replay, probes and discovery."""

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("notebook", instructions="Ask before you delete a note.")
READ = ToolAnnotations(read_only_hint=True)
WRITE = ToolAnnotations(read_only_hint=False)
notes = {
    "note-71": {"id": "note-71", "title": "Shopping list", "owner": "Ana"},
    "note-12": {"id": "note-12", "title": "Holiday plans", "owner": "Ben"},
    "note-40": {"id": "note-40", "title": "Tax papers", "owner": "Cleo"},
}
made = 0


@server.tool(annotations=READ)
def list_notes() -> list[dict[str, str]]:
    """List all notes."""
    return list(notes.values())


@server.tool(annotations=READ)
def get_note(note_id: str) -> dict[str, str]:
    """Show one note."""
    if note_id not in notes:
        raise ToolError(f"no such note: {note_id}")
    return notes[note_id]


@server.tool(annotations=WRITE)
def rename_note(note_id: str, title: str) -> str:
    """Change the title of a note."""
    if note_id not in notes:
        raise ToolError(f"no such note: {note_id}")
    notes[note_id]["title"] = title
    return "renamed"


@server.tool(annotations=WRITE)
def delete_note(note_id: str) -> str:
    """Delete a note."""
    if notes.pop(note_id, None) is None:
        raise ToolError(f"no such note: {note_id}")
    return "deleted"


@server.tool()
def stamp() -> str:
    """Give the process's own number."""
    import os

    return f"process {os.getpid()}"


if __name__ == "__main__":
    import sys

    if sys.argv[1:2] == ["http"]:
        server.run("streamable-http", port=int(sys.argv[2]))
        raise SystemExit
    server.run()
