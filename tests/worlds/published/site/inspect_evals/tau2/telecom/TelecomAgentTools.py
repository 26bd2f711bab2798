import uuid

from inspect_ai.tool import ToolError
from inspect_ai.util import StoreModel
from pydantic import BaseModel


class Line(BaseModel):
    line_id: str
    phone: str
    roaming: bool = False
    bills: list[str] = []


class TelecomDB(BaseModel):
    lines: list[Line] = []


class TelecomAgentTools(StoreModel):
    db: TelecomDB = TelecomDB()
    initialized: bool = False

    def line(self, line_id):
        for line in self.db.lines:
            if line.line_id == line_id:
                return line
        raise ToolError("Line not found")

    def set_roaming(self, line_id, on):
        self.line(line_id).roaming = on

    def bill(self, line_id):
        self.line(line_id).bills.append(f"B{uuid.uuid4().hex[:8]}")
        return self.line(line_id).bills[-1]

    def assert_roaming(self, line_id, expected):
        return self.line(line_id).roaming == expected
