"""`domain:retail`: an online shop with a written policy. See `docs/domain-retail.md`."""
