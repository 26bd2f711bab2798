raise ImportError("the top of the package needs a hundred others")
