"""`artificer demo`: the steps that a user would take, taken on shipped inputs. Nothing here can do what a user's own commands cannot."""
