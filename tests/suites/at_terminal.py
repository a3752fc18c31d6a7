"""Runs a command as the leader of a session at a fresh terminal at which nobody types, and returns its status."""
import os
import pty
import signal
import sys

pid, terminal = pty.fork()
if pid == 0:
    # Python ignores these, and what it ignores its children would.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
try:
    while os.read(terminal, 4096):
        pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
