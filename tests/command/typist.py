"""A user at a pseudo-terminal: types keys, waits for text, prints `ok NAME` or `not ok NAME`. Used by tests of `pando run -it`."""
import fcntl, os, pty, select, signal, struct, sys, termios, time


class Typist:
    def __init__(self, prefix, *command):
        self.prefix, self.seen = prefix, b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)

    def until(self, word, limit=40):
        """True when word has come; what stands before it is forgotten."""
        end = time.time() + limit
        while word not in self.seen and time.time() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 4096)
                except OSError:
                    break
        found = word in self.seen
        if found:
            self.seen = self.seen[self.seen.find(word) + len(word):]
        return found

    def step(self, name, keys, *words):
        """Types keys; then the words must come, in this order."""
        time.sleep(0.2)
        os.write(self.fd, keys)
        for w in words:
            if not self.until(w):
                print("not ok %s-%s: no %r in %r" % (self.prefix, name, w, self.seen[-200:]))
                os.kill(self.pid, signal.SIGKILL)
                sys.exit(1)
        print("ok %s-%s" % (self.prefix, name))

    def paste(self, data, limit=60):
        """Types data as fast as it is taken, and reads meanwhile."""
        end = time.time() + limit
        while data and time.time() < end:
            r, w, _ = select.select([self.fd], [self.fd], [], 0.2)
            if r:
                self.seen += os.read(self.fd, 65536)
            if w:
                data = data[os.write(self.fd, data[:512]):]

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self, status):
        """The command ends with that status."""
        deadline = time.time() + 40
        while time.time() < deadline:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    if not os.read(self.fd, 4096):
                        break
                except OSError:
                    break
        _, got = os.waitpid(self.pid, 0)
        fine = os.WIFEXITED(got) and os.WEXITSTATUS(got) == status
        print("ok %s-end" % self.prefix if fine else "not ok %s-end: status %d" % (self.prefix, got))
