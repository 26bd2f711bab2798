from inspect_ai.tool import ToolError
from inspect_ai.util import StoreModel
from pydantic import BaseModel


class Order(BaseModel):
    order_id: str
    status: str
    items: list[str] = []


class User(BaseModel):
    user_id: str
    email: str
    tags: dict[str, list[str]] = {}


class RetailDB(BaseModel):
    orders: dict[str, Order] = {}
    users: dict[str, User] = {}

    def get_hash(self):
        return str(sorted(self.model_dump().items()))


class RetailAgentTools(StoreModel):
    db: RetailDB = RetailDB()
    initialized: bool = False

    def cancel(self, order_id, reason):
        if order_id not in self.db.orders:
            raise ToolError("Order not found")
        order = self.db.orders[order_id]
        order.items.clear()
        if order.status != "pending":
            raise ToolError("Non-pending order cannot be cancelled")
        order.status = f"cancelled ({reason})"
        return order.model_dump_json()

    def find(self, email):
        for user in self.db.users.values():
            if user.email == email:
                return user.user_id
        raise ToolError("User not found")

    def remove_all(self):
        for order in self.db.orders.values():
            order.status = "gone"
        return "[]"
