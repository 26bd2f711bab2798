import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `run_chains` is imported here and, by the same name, in worker processes
