/* The canvases of the timeline and the rows of the tree; one frame at a time. */
/* ---- drawing */
function redraw() {
	if (!dirty) {
		dirty = true;
		requestAnimationFrame(draw);
	}
}
function surface(id) {
	const c = $(id).firstChild,
		w = c.clientWidth,
		h = c.clientHeight,
		r = devicePixelRatio || 1;
	if (c.width !== Math.round(w * r) || c.height !== Math.round(h * r)) {
		c.width = Math.round(w * r);
		c.height = Math.round(h * r);
	}
	const g = c.getContext('2d');
	g.setTransform(r, 0, 0, r, 0, 0);
	g.clearRect(0, 0, w, h);
	return { g, w, h, x: t => ((t - view.a) / (view.b - view.a)) * w };
}
function colours() {
	const s = getComputedStyle(document.documentElement);
	for (const n of 'bg panel line text dim sel hit fork vfork run block zombie exec mem1 mem2 link focus'.split(' '))
		css[n] = s.getPropertyValue('--' + n).trim();
	css.hatch = pattern(css.zombie, 0);
	css.dots = pattern(css.vfork, 1);
	legend();
	redraw();
}
/* States differ in shape, too: hatched, dotted, thin, full. */
function pattern(colour, kind) {
	const c = document.createElement('canvas');
	c.width = c.height = 6;
	const g = c.getContext('2d');
	g.strokeStyle = g.fillStyle = colour;
	g.lineWidth = 1.4;
	if (kind) {
		g.globalAlpha = 0.35;
		g.fillRect(0, 0, 6, 6);
		g.globalAlpha = 1;
		g.fillRect(1, 1, 2, 2);
		g.fillRect(4, 4, 2, 2);
	} else {
		g.beginPath();
		g.moveTo(-1, 7);
		g.lineTo(7, -1);
		g.moveTo(-4, 4);
		g.lineTo(4, -4);
		g.moveTo(2, 10);
		g.lineTo(10, 2);
		g.stroke();
	}
	return g.createPattern(c, 'repeat');
}
function mark(g, kind, x, y, w) {
	w = Math.max(w, 1);
	if (kind === 'run') {
		g.fillStyle = css.run;
		g.fillRect(x, y + 4, w, 12);
	} else if (kind === 'ready') {
		g.fillStyle = css.bg;
		g.fillRect(x, y + 6, w, 8);
		g.fillStyle = css.run;
		g.fillRect(x, y + 6, w, 1.5);
		g.fillRect(x, y + 12.5, w, 1.5);
	} else if (kind === 'block') {
		g.fillStyle = css.block;
		g.fillRect(x, y + 8, w, 4);
	} else if (kind === 'fork') {
		g.fillStyle = css.fork;
		g.fillRect(x, y + 2, w, 16);
	} else if (kind === 'vfork') {
		g.fillStyle = css.bg;
		g.fillRect(x, y + 4, w, 12);
		g.fillStyle = css.dots;
		g.fillRect(x, y + 4, w, 12);
	} else if (kind === 'zombie') {
		g.fillStyle = css.hatch;
		g.fillRect(x, y + 5, w, 10);
		if (w > 3) {
			g.strokeStyle = css.zombie;
			g.lineWidth = 1;
			g.strokeRect(x + 0.5, y + 5.5, w - 1, 9);
		}
	} else {
		g.fillStyle = css.exec;
		g.beginPath();
		g.moveTo(x - 4, y + 2);
		g.lineTo(x + 4, y + 2);
		g.lineTo(x, y + 9);
		g.fill();
		g.fillRect(x - 0.5, y + 2, 1, 16);
	}
}
function legend() {
	const items = [
		['fork', 'making a child'],
		['vfork', 'waiting in vfork'],
		['run', D.sched ? 'running' : 'alive'],
		...(D.sched
			? [
					['ready', 'waiting for a CPU'],
					['block', 'blocked'],
				]
			: []),
		['zombie', 'zombie'],
		['exec', 'exec'],
	];
	$('legend').textContent = '';
	for (const [k, w] of items) {
		const s = document.createElement('span'),
			c = document.createElement('canvas');
		c.width = 24;
		c.height = 20;
		c.style.height = '14px';
		mark(c.getContext('2d'), k, k === 'exec' ? 12 : 1, 0, 22);
		s.append(c, w);
		$('legend').append(s);
	}
	const m = document.createElement('span');
	m.innerHTML =
		'<b style="color:var(--mem1)">▬</b> page tables shared by forks &nbsp; ' +
		'<b style="color:var(--mem2)">╌</b> pages and tables copied since: in the strip below';
	$('legend').append(m);
}
function first(a, t) {
	let lo = 0,
		hi = a.length;
	while (lo < hi) {
		const m = (lo + hi) >> 1;
		a[m] < t ? (lo = m + 1) : (hi = m);
	}
	return lo;
}
function lane(s, i, y) {
	const { g, x, w } = s,
		l = L[i],
		clip = v => Math.max(-9, Math.min(v, w + 9)),
		span = (k, a, b) => {
			const p = x(a),
				q = x(b);
			if (q >= 0 && p <= w) mark(g, k, clip(p), y, clip(q) - clip(p));
		};
	/* A list of stretches, from, to, from, to ...; those that would not be seen beside the last one are left out. */
	const stretches = (kind, a) => {
		let last = -2;
		for (let k = first(a, view.a) & ~1; k < a.length && a[k] < view.b; k += 2) {
			const p = x(a[k]),
				q = x(Math.min(a[k + 1], died(l)));
			if (q - last < 0.5) continue;
			mark(g, kind, clip(Math.max(p, last)), y, clip(q) - clip(Math.max(p, last)));
			last = Math.max(q, p + 1);
		}
	};
	span(D.sched ? 'block' : 'run', born(l), died(l));
	if (D.sched) {
		stretches('ready', l.q || []);
		stretches('run', l.r);
	}
	for (const [a, b] of l.v || []) span('vfork', a, b || died(l));
	let last = -9;
	for (const c of kids[i]) {
		const q = x(L[c].e);
		if (L[c].e && q - last > 0.7) {
			span('fork', L[c].b, L[c].e);
			last = q;
		}
	}
	if (l.z) span('zombie', l.d, l.z);
	for (const e of l.ex || [])
		if (e.ok) {
			const p = x(e.b);
			if (p > -9 && p < w + 9) mark(g, 'exec', p, y, 1);
		}
	if (l.d && !l.z) {
		const p = x(l.d);
		if (p > 0 && p < w) {
			g.fillStyle = css.text;
			g.fillRect(p, y + 3, 1.5, 14);
		}
	}
}
function drawLanes() {
	const s = surface('lanes'),
		{ g, w, h, x } = s,
		from = Math.floor(top / ROW),
		to = Math.min(rows.length, Math.ceil((top + h) / ROW));
	g.strokeStyle = css.line;
	g.lineWidth = 1;
	g.beginPath();
	for (const t of ticks(w)) {
		const p = Math.round(x(t)) + 0.5;
		g.moveTo(p, 0);
		g.lineTo(p, h);
	}
	g.stroke();
	for (let r = from; r < to; r++) {
		const i = rows[r],
			y = r * ROW - top;
		if (i === sel || hitSet.has(i)) {
			g.fillStyle = i === sel ? css.sel : css.hit;
			g.fillRect(0, y, w, ROW);
		}
	}
	g.strokeStyle = css.link;
	g.beginPath();
	for (let r = from; r < to; r++) {
		const l = L[rows[r]];
		if (l.p < 0) continue;
		const p = x(born(l));
		if (p < -1 || p > w + 1) continue;
		const q = Math.max(-9, rowOf[l.p] * ROW - top + 18);
		g.moveTo(p + 0.5, q);
		g.lineTo(p + 0.5, r * ROW - top + 10);
	}
	g.stroke();
	for (let r = from; r < to; r++) lane(s, rows[r], r * ROW - top);
}
function ticks(w) {
	const want = (view.b - view.a) / Math.max(2, w / 110),
		p = Math.pow(10, Math.floor(Math.log10(want))),
		step = [1, 2, 5, 10].map(k => k * p).find(k => k >= want) || 10 * p,
		out = [];
	for (let t = Math.ceil(view.a / step) * step; t <= view.b && out.length < 200; t += step) out.push(t);
	return out;
}
function drawAxis() {
	const { g, w, h, x } = surface('axis');
	g.fillStyle = css.panel;
	g.fillRect(0, 0, w, h);
	g.fillStyle = css.dim;
	g.font = '11px system-ui, sans-serif';
	for (const t of ticks(w)) {
		const p = x(t);
		g.fillRect(p, h - 5, 1, 5);
		g.fillText(time(t), p + 3, h - 8);
	}
	g.fillStyle = css.line;
	g.fillRect(0, h - 1, w, 1);
}
/* The whole trace: page tables shared and pages copied, added up over time; the view's part is framed. */
function drawMem() {
	const { g, w, h } = surface('mem'),
		M = D.mem,
		n = M.shared.length;
	g.fillStyle = css.panel;
	g.fillRect(0, 0, w, h);
	const X = t => ((t - T0) / (T1 - T0)) * w,
		most = Math.max(1, M.shared[n - 1] || 0),
		mostC = Math.max(1, M.copied[n - 1] || 0);
	const line = (a, m, c, dash) => {
		g.strokeStyle = c;
		g.lineWidth = 1.5;
		g.setLineDash(dash);
		g.beginPath();
		for (let k = 0; k < n; k++) {
			const p = X(M.from + (k + 1) * M.step),
				y = h - 4 - (a[k] / m) * (h - 18);
			k ? g.lineTo(p, y) : g.moveTo(p, y);
		}
		g.stroke();
		g.setLineDash([]);
	};
	line(M.shared, most, css.mem1, []);
	line(M.copied, mostC, css.mem2, [4, 3]);
	g.font = '11px system-ui, sans-serif';
	g.fillStyle = css.mem1;
	g.fillText(plural(M.shared[n - 1] || 0, 'table') + ' shared', 6, 12);
	g.fillStyle = css.mem2;
	g.fillText((M.copied[n - 1] || 0) + ' copied', 120, 12);
	g.fillStyle = css.focus;
	g.globalAlpha = 0.13;
	g.fillRect(X(view.a), 0, Math.max(2, X(view.b) - X(view.a)), h);
	g.globalAlpha = 1;
	g.strokeStyle = css.focus;
	g.lineWidth = 1;
	g.strokeRect(X(view.a) + 0.5, 0.5, Math.max(2, X(view.b) - X(view.a)) - 1, h - 1);
}
const pool = [];
function drawTree() {
	const tree = $('tree'),
		from = Math.floor(top / ROW),
		n = Math.min(rows.length - from, Math.ceil(height() / ROW) + 1);
	for (let k = 0; k < Math.max(n, pool.length); k++) {
		let d = pool[k];
		if (!d) {
			d = pool[k] = document.createElement('div');
			d.className = 'row';
			d.setAttribute('role', 'treeitem');
			d.append(document.createElement('span'), document.createElement('span'), document.createTextNode(''));
			d.children[0].className = 'tw';
			d.children[1].className = 'pid';
			tree.append(d);
		}
		if (k >= n) {
			d.style.display = 'none';
			continue;
		}
		const i = rows[from + k],
			l = L[i],
			many = kids[i].length;
		d.style.display = '';
		d.style.transform = `translateY(${(from + k) * ROW - top}px)`;
		d.style.paddingLeft = 4 + Math.min(depth[i], 40) * 13 + 'px';
		d.className = 'row' + (i === sel ? ' sel' : '') + (hitSet.has(i) ? ' hit' : '');
		d.dataset.life = i;
		d.setAttribute('aria-level', depth[i] + 1);
		d.setAttribute('aria-selected', i === sel);
		if (many) d.setAttribute('aria-expanded', !folded.has(i));
		else d.removeAttribute('aria-expanded');
		d.children[0].textContent = many ? (folded.has(i) ? '▸' : '▾') : '';
		d.children[1].textContent = l.t + ' ';
		d.lastChild.data = l.n + (folded.has(i) && many ? `  (${many})` : '');
	}
}
function draw() {
	dirty = false;
	const t = performance.now();
	drawTree();
	drawMem();
	drawAxis();
	drawLanes();
	$('lanes').dataset.from = view.a;
	$('lanes').dataset.to = view.b;
	window.lastFrame = performance.now() - t;
}
