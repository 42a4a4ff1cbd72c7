"""`python -m gatewayd` is the command `gatewayd`."""

import sys

from gatewayd.cli import main

sys.exit(main())
