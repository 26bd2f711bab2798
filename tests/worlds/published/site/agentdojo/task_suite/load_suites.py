from agentdojo.default_suites.banking import suite

_SUITES = {"v1": {"banking": suite}, "v1.9": {"banking": suite}, "v1.10": {"banking": suite}}
