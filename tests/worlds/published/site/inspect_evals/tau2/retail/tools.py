from inspect_ai.tool import Tool, tool
from inspect_ai.util import store_as

from inspect_evals.tau2.retail.RetailAgentTools import RetailAgentTools


def kit():
    return store_as(RetailAgentTools, "RetailTools")


@tool
def cancel_pending_order() -> Tool:
    async def execute(order_id: str, reason: str = "no longer needed") -> str:
        """Cancels an order.

        Args:
            order_id: Its id.
            reason: Why.
        """
        return kit().cancel(order_id, reason)

    return execute


@tool
def find_user_id_by_email() -> Tool:
    async def execute(email: str) -> str:
        """Finds a user.

        Args:
            email: The address.
        """
        return kit().find(email)

    return execute


@tool
def remove_all() -> Tool:
    async def execute() -> str:
        """Marks every order as gone."""
        return kit().remove_all()

    return execute


@tool
def calculate() -> Tool:
    async def execute(expression: str) -> str:
        """Calculates.

        Args:
            expression: What.
        """
        return str(round(float(eval(expression, {"__builtins__": None}, {})), 2))

    return execute


all_retail_tools = [cancel_pending_order, find_user_id_by_email, remove_all, calculate]
