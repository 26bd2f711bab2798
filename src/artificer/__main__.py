"""`python -m artificer`: the command line."""

import sys

from artificer.cli import main

sys.exit(main())
