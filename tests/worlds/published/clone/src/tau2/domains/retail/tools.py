from pydantic import BaseModel

from tau2.environment.toolkit import ToolKitBase, is_tool


class Order(BaseModel):
    order_id: str
    status: str
    items: list[str] = []


class RetailDB(BaseModel):
    orders: dict[str, Order] = {}
    users: dict[str, dict] = {}


class RetailTools(ToolKitBase):
    db: RetailDB

    @is_tool(True)
    def cancel_pending_order(self, order_id: str) -> Order:
        """Cancels an order.

        Args:
            order_id: Its id.
        """
        self.db.orders[order_id].status = "cancelled"
        return self.db.orders[order_id]

    @is_tool(False)
    def find_user_id_by_email(self, email: str) -> str:
        """Finds a user.

        Args:
            email: The address.
        """
        return next(name for name, user in self.db.users.items() if user["email"] == email)
