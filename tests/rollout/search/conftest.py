import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `walking`: scripted agents that the tests here share
