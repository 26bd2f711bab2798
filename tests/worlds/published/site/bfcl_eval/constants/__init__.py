raise ImportError("not to be run")
