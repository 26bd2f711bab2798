"""A help desk: a world whose ids depend on the seed, as those of real servers depend on the day."""

from artificer import tool

POLICY = "Close only what is solved."
SHELF = {"lamp": 3, "chair": 0}


class Desk:
    def __init__(self, seed: int = 0) -> None:
        self.tickets: dict[str, dict[str, str]] = {}
        self._next = 1000 + 7 * seed

    @tool(effect="write")
    def open_ticket(self, title: str, urgent: bool = False) -> dict:
        """Opens a ticket."""
        self._next += 1
        ticket = f"T-{self._next}"
        self.tickets[ticket] = {"title": title, "status": "open"}
        return {"ticket_id": ticket, "title": title, "urgent": urgent}

    @tool(effect="write")
    def close_ticket(self, ticket_id: str) -> dict:
        """Closes a ticket."""
        if ticket_id not in self.tickets:
            raise KeyError(f"no ticket {ticket_id}")
        self.tickets[ticket_id]["status"] = "closed"
        return {"ticket_id": ticket_id, "status": "closed", "open": sum(one["status"] == "open" for one in self.tickets.values())}

    @tool(effect="read")
    def count_stock(self, item: str) -> dict:
        """Counts what is on the shelf."""
        if item not in SHELF:
            raise LookupError(f"no item {item}")
        return {"item": item, "count": SHELF[item], "price": 19.5}

    @tool(effect="read")
    def list_tickets(self) -> list:
        """Lists all tickets."""
        return [{"ticket_id": name, **ticket} for name, ticket in sorted(self.tickets.items())]

    @tool(effect="read")
    def say_hours(self) -> str:
        """When we are open."""
        return "Open 9 to 17, closed on Sunday."
