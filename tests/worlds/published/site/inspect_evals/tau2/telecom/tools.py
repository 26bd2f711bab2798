from inspect_ai.tool import Tool, tool
from inspect_ai.util import store_as

from inspect_evals.tau2.telecom.TelecomAgentTools import TelecomAgentTools


@tool
def enable_roaming() -> Tool:
    async def execute(line_id: str) -> str:
        """Enables roaming.

        Args:
            line_id: Of which line.
        """
        store_as(TelecomAgentTools, "x").set_roaming(line_id, True)
        return "Roaming is on"

    return execute


@tool
def send_bill() -> Tool:
    async def execute(line_id: str) -> str:
        """Sends a bill.

        Args:
            line_id: Of which line.
        """
        return store_as(TelecomAgentTools, "x").bill(line_id)

    return execute


all_telecom_agent_tools = [enable_roaming, send_bill]
