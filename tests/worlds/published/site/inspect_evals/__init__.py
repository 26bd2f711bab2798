raise ImportError("an evaluation framework is needed")
