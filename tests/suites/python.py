"""Runs modules of Python's own test suite and says of each case what became of it, one line as it ends: "case pass|fail|skip NAME".

As `python -m test` without resources, in a fresh directory; what the tests print goes to the file named first. A module that takes longer than the seconds named
second is ended by force: its line is "case fail MODULE(ends)". Of a module MODULE.CLASS or MODULE.CLASS.CASE runs alone.
"""
import faulthandler
import importlib
import multiprocessing
import os
import sys
import tempfile
import unittest


class Teller(unittest.TestResult):
    """Writes the lines; a case with failing subtests fails once."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.told = set()
        self.failed = False

    def tell(self, word, test):
        name = test.id()
        if name not in self.told:
            self.told.add(name)
            os.write(self.out, ("case %s %s\n" % (word, name.replace(" ", "_"))).encode())

    def addSuccess(self, test):
        self.tell("pass", test)

    def addSkip(self, test, reason):
        self.tell("skip", test)

    def addExpectedFailure(self, test, err):
        self.tell("pass", test)

    def addUnexpectedSuccess(self, test):
        self.tell("fail", test)

    def startTest(self, test):
        super().startTest(test)
        self.failed = False
        self.before = multiprocessing.active_children()

    def stopTest(self, test):
        """Processes that a failed case has left behind hold what later ones wait for, such as the ends of pipes."""
        super().stopTest(test)
        if self.failed:
            for child in set(multiprocessing.active_children()) - set(self.before):
                child.kill()
                child.join()

    def show(self, test, err):
        self.failed = True
        self.tell("fail", test)
        sys.stderr.write("FAILED %s\n%s\n" % (test.id(), self._exc_info_to_string(err, test)))
        sys.stderr.flush()

    def addFailure(self, test, err):
        self.show(test, err)

    def addError(self, test, err):
        self.show(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.show(test, err)


def run_module(name, log, seconds):
    """One module in a process of its own: it may change anything about itself."""
    out = os.dup(1)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.chdir(tempfile.mkdtemp())
    faulthandler.dump_traceback_later(seconds, exit=True)
    from test import support
    support.use_resources = ()
    support.verbose = 0
    module = importlib.import_module("test." + name.split(".")[0])
    loader = unittest.defaultTestLoader
    tests = loader.loadTestsFromName("test." + name) if "." in name else loader.loadTestsFromModule(module)
    tests.run(Teller(out))
    faulthandler.cancel_dump_traceback_later()
    os.write(out, ("case pass %s(ends)\n" % name).encode())
    os._exit(0)


def main():
    log, seconds = sys.argv[1], int(sys.argv[2])
    for name in sys.argv[3:]:
        pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, __file__, log, str(seconds), "--module", name])
        _, status = os.waitpid(pid, 0)
        if status:
            print("case fail %s(ends)" % name, flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[3] == "--module":
        run_module(sys.argv[4], sys.argv[1], int(sys.argv[2]))
    main()
