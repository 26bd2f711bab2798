raise ImportError("a framework is needed")
