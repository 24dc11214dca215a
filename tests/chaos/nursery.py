"""Where members are forked from: a process that has imported all they need, so that one starts in milliseconds.

Only that process imports this module. It dies with the test process, and the members die with it.
"""

import os

from deploy.local import processes
from tests.chaos import member

processes.die_with(os.getppid())()
__all__ = ["member"]
