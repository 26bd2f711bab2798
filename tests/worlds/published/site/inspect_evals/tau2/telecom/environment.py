class Environment:
    """What the network does, the phone learns."""

    def __init__(self, user_tools, tools):
        user_tools.db.device.roaming_allowed = any(line.roaming for line in tools.db.lines)
