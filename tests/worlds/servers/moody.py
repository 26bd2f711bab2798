"""A server written by hand, with a state, that does on demand what servers should not: plain JSON-RPC over lines.

Arguments: its name; a file where it writes what it is told besides calls.
"""

import json
import os
import sys
import time

NAME = sys.argv[1]
DIARY = sys.argv[2] if len(sys.argv) > 2 else os.devnull
OBJECT = {"type": "object", "properties": {}}
asked: dict = {}
count = 0
extra = False


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request: dict, content: object) -> None:
    result = {"content": [{"type": "text", "text": json.dumps(content)}], "structuredContent": content}
    say({"jsonrpc": "2.0", "id": request["id"], "result": result})


def tool(name: str, **hints: bool) -> dict:
    return {"name": name, "description": f"{name} of {NAME}", "inputSchema": {"type": "object"}, "annotations": hints}


def tools() -> list:
    listed = [
        tool("add", readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=True),
        tool("peek", readOnlyHint=True, openWorldHint=False),
        tool("die", readOnlyHint=False),
        tool("add_and_hang", readOnlyHint=False),
        tool("look_and_hang", readOnlyHint=True),
        tool("slowly", readOnlyHint=True),
        tool("forever", readOnlyHint=True),
        tool("endless", readOnlyHint=True),
        tool("deep", readOnlyHint=True),
        tool("change", readOnlyHint=True),
        tool("announce", readOnlyHint=True),
        tool("fate", readOnlyHint=True),
        tool("blink", readOnlyHint=True),
        tool("tell", readOnlyHint=True),
        tool("ask", readOnlyHint=True),
        tool("both", readOnlyHint=True, destructiveHint=True),
    ]
    return [*listed[1:], tool("surprise")] if extra else listed


def call(request: dict) -> None:
    name = request["params"]["name"]
    if name in MISDEEDS:
        MISDEEDS[name](request)
    elif name in ANSWERS:
        answer(request, ANSWERS[name]())
    elif name == "surprise" or extra:
        say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32602, "message": f"Unknown tool: {name}"}})


def add() -> dict:
    global count
    count += 1
    return {"count": count}


def blink() -> dict:
    """Shows the count; dies the first time that it is not 0, which the diary remembers."""
    if count and not os.path.exists(DIARY):
        open(DIARY, "w").close()
        os._exit(4)
    return {"count": count}


def change() -> dict:
    global extra
    extra = True
    return announce() | {"changed": True}


def announce() -> dict:
    say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    return {"changed": False}


def tell() -> dict:
    found = {key: os.environ.get(name) for key, name in (("token", "TOKEN"), ("user", "ACTING"), ("seed", "SEED"))}
    return {"args": sys.argv[2:], **found}


def report(request: dict, steps: int) -> None:
    token = request["params"]["_meta"]["progressToken"]
    for step in range(steps):
        say({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": step, "total": 5}})
        time.sleep(0.4)
    answer(request, {"steps": steps})


def ask(request: dict) -> None:
    """Asks the client for things before it answers."""
    asked["call"] = request
    say({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 9}})


def endless(_: dict) -> None:
    while True:
        sys.stdout.write("x" * 2**20)


def deep(request: dict) -> None:
    sys.stdout.write(f'{{"jsonrpc": "2.0", "id": {request["id"]}, "result": {"[" * 100_000}{"]" * 100_000}}}\n')
    sys.stdout.flush()


ANSWERS = {
    "add": add,
    "peek": lambda: {"count": count},
    "change": change,
    "announce": announce,
    "blink": blink,
    "fate": lambda: {"pid": os.getpid()},
    "tell": tell,
}
MISDEEDS = {
    "die": lambda _: os._exit(3),
    "add_and_hang": lambda _: add(),
    "look_and_hang": lambda _: None,
    "slowly": lambda request: report(request, 5),
    "forever": lambda request: report(request, 1000),
    "ask": ask,
    "endless": endless,
    "deep": deep,
}


def main() -> None:
    if NAME == "leaky":
        sys.stderr.write(f"cannot log in with {os.environ['TOKEN']}\n")
        raise SystemExit(1)
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method is None and request.get("id") == "q":
            answer(asked["call"], {"refused": "error" in request})
        if method == "initialize":
            version = request["params"]["protocolVersion"]
            offered = {"tools": {"listChanged": True}, "resources": {}, "prompts": {}}
            said = {"protocolVersion": version, "capabilities": offered, "serverInfo": {"name": NAME, "version": "1"}, "instructions": f"Be {NAME}."}
            say({"jsonrpc": "2.0", "id": request["id"], "result": said})
        elif method == "tools/list":
            page = {"tools": tools(), "nextCursor": "again"} if NAME == "paging" else {"tools": tools()}
            say({"jsonrpc": "2.0", "id": request["id"], "result": page})
        elif method == "resources/list":
            listed = [{"uri": "note://1", "name": "one", "description": "The first\u202e note."}]
            say({"jsonrpc": "2.0", "id": request["id"], "result": {"resources": listed}})
        elif method == "resources/templates/list":
            say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "Method not found"}})
        elif method == "prompts/list":
            say({"jsonrpc": "2.0", "id": request["id"], "result": {"prompts": [{"name": "greet", "description": "Say hello."}]}})
        elif method == "tools/call":
            call(request)
        elif method == "notifications/cancelled":
            with open(DIARY, "a") as file:
                file.write(line)


main()
