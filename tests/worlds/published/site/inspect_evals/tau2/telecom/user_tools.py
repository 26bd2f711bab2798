from inspect_ai.tool import Tool, tool
from inspect_ai.util import store_as

from inspect_evals.tau2.telecom.TelecomUserTools import TelecomUserTools


@tool
def toggle_airplane_mode() -> Tool:
    async def execute() -> str:
        """Toggles airplane mode."""
        return store_as(TelecomUserTools, "x").toggle()

    return execute


all_telecom_user_tools = [toggle_airplane_mode]
