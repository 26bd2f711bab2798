raise ImportError("six model clients are needed")
