from loguru import logger

logger.info("nothing is said")


def is_tool(writes):
    def mark(function):
        function.writes = writes
        return function

    return mark


class ToolKitBase:
    def __init__(self, db=None):
        self.db = db

    @property
    def tools(self):
        return {name: getattr(self, name) for name, value in vars(type(self)).items() if hasattr(value, "writes")}

    def tool_mutates_state(self, name):
        return self.tools[name].writes
