"""What a tool source is written as, said in one place for the help of all commands that take one."""

SOURCE = (
    "`sqlite:FILE.db`, `postgresql://...`, `python:FILE.py` or `python:pkg.module`, `mcp:COMMAND` or `mcp:http://...`, `openapi:FILE`, "
    "`domain:retail`, `enterprise:SOURCE`, `code:python`, `emulated:FILE`, `many:FILE.toml`, `bfcl:NAME`, `tau2:NAME`, `agentdojo:NAME`; "
    "with wrappers after bars, as in `domain:retail | faults:rate=0.1 | budget:calls=20`."
)
