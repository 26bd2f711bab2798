import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `saying`: a scripted model that the tests here share
