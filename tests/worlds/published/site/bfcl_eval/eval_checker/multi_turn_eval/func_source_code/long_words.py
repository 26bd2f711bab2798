PADDING = "and so on " * 3
