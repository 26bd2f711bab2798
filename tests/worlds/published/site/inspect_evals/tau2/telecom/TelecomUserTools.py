from inspect_ai.util import StoreModel
from pydantic import BaseModel


class Phone(BaseModel):
    airplane: bool = False
    roaming_allowed: bool = False


class TelecomUserDB(BaseModel):
    device: Phone = Phone()


class TelecomUserTools(StoreModel):
    db: TelecomUserDB = TelecomUserDB()
    initialized: bool = False

    def toggle(self):
        self.db.device.airplane = not self.db.device.airplane
        return f"airplane mode is {'on' if self.db.device.airplane else 'off'}"

    def break_phone(self):
        self.db.device.airplane = True

    def assert_airplane(self, expected):
        return self.db.device.airplane == expected
