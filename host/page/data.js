/* The data (host/trace_html.c says what its short names mean), and words for it. */
const $ = id => document.getElementById(id),
	D = JSON.parse($('data').textContent),
	L = D.lives,
	ROW = 20;
const CALLS = ['boot', 'fork', 'vfork', 'clone', 'clone3', 'kernel thread', 'user-mode thread'],
	MODES = ['none', 'shared', 'copied', 'fresh'];
/* bit: name, what it shares or does */
const FLAGS = {
	7: ['NEWTIME', 'a time namespace of its own'],
	8: ['VM', 'one address space for both'],
	9: ['FS', 'root, working directory and umask shared'],
	10: ['FILES', 'one table of descriptors for both'],
	11: ['SIGHAND', 'signal handlers shared'],
	12: ['PIDFD', 'the parent gets a pidfd'],
	13: ['PTRACE', 'the tracer goes on tracing it'],
	14: ['VFORK', 'the parent waits until it execs or exits'],
	15: ['PARENT', "its parent is its creator's parent"],
	16: ['THREAD', 'a thread of the same process'],
	17: ['NEWNS', 'mounts of its own'],
	18: ['SYSVSEM', 'semaphore undo list shared'],
	19: ['SETTLS', 'thread-local storage is set'],
	20: ['PARENT_SETTID', 'its number is written for the parent'],
	21: ['CHILD_CLEARTID', 'a word is cleared and woken at its end'],
	22: ['DETACHED', 'without meaning'],
	23: ['UNTRACED', 'no tracer is forced on it'],
	24: ['CHILD_SETTID', 'its number is written for itself'],
	25: ['NEWCGROUP', 'a cgroup namespace'],
	26: ['NEWUTS', 'host names of its own'],
	27: ['NEWIPC', 'IPC of its own'],
	28: ['NEWUSER', 'a user namespace'],
	29: ['NEWPID', 'a pid namespace'],
	30: ['NEWNET', 'a network of its own'],
	31: ['IO', 'I/O context shared'],
	32: ['CLEAR_SIGHAND', 'all handlers back to their defaults'],
	33: ['INTO_CGROUP', 'born into a cgroup'],
};
let rows = [],
	rowOf = new Int32Array(L.length),
	folded = new Set(),
	sel = -1,
	hits = [],
	hitSet = new Set(),
	top = 0,
	view = { a: 0, b: 1 },
	css = {},
	dirty = false;

/* ---- words */
function time(ns) {
	const s = ns < 0 ? '-' : '';
	ns = Math.abs(ns);
	for (const [u, n] of [
		[1e9, 's'],
		[1e6, 'ms'],
		[1e3, 'µs'],
	])
		if (ns >= u) {
			const v = ns / u;
			return s + (v < 10 ? v.toFixed(2) : v < 100 ? v.toFixed(1) : v.toFixed(0)) + ' ' + n;
		}
	return s + Math.round(ns) + ' ns';
}
const esc = s => String(s).replace(/[&<>"]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
const plural = (n, w) => n + ' ' + w + (n === 1 ? '' : 's');
const born = l => l.e || l.b,
	died = l => l.d || D.last;
function word(l) {
	if (l.k === 3 || l.k === 4) {
		if (l.g !== l.t) return 'thread';
		const f = BigInt(l.f);
		return (f & 0x4100n) === 0x4100n ? 'vfork' : f & 0x100n ? CALLS[l.k] : 'fork';
	}
	return CALLS[l.k] || 'before the trace';
}
function ending(l) {
	if (!l.d) return D.complete ? 'until the machine went down' : 'still there when the trace ended';
	const s = l.s & 127;
	return s ? 'killed by ' + (l.sn || 'signal ' + s) : 'exit ' + ((l.s >> 8) & 255);
}
