"""`enterprise:SOURCE`: any relational schema as a workplace with an acting user, roles, permissions and a policy."""

from artificer.worlds.enterprise.offer import needed, plus_k
from artificer.worlds.enterprise.open import EnterpriseWorld, open_world

__all__ = ["EnterpriseWorld", "needed", "open_world", "plus_k"]
