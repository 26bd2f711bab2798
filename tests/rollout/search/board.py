"""A world for searches: a board on which labels are put, one after another."""

from __future__ import annotations

from artificer.worlds.python import tool

POLICY = ""


class Board:
    """Labels in the order they were put."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    @tool(effect="write")
    def put(self, label: str) -> str:
        """Put a label.

        Args:
            label: any word; those that begin with `no` are refused.
        """
        if label.startswith("no"):
            raise ValueError(f"{label} is refused")
        self.labels.append(label)
        return " ".join(self.labels)

    @tool(effect="read")
    def look(self) -> list[str]:
        """What is on the board."""
        return self.labels


__all__ = ["Board"]
