/* Which rows there are, which one is selected, and which stretch of time is seen. */
/* ---- rows */
const kids = L.map(() => []),
	roots = [],
	depth = new Int32Array(L.length);
L.forEach((l, i) => {
	if (l.p >= 0) {
		kids[l.p].push(i);
		depth[i] = depth[l.p] + 1;
	} else roots.push(i);
});
L.forEach((l, i) => {
	if (l.k === 5 && kids[i].length) folded.add(i);
});
function layout() {
	rows = [];
	rowOf.fill(-1);
	const stack = roots.slice().reverse();
	while (stack.length) {
		const i = stack.pop();
		rowOf[i] = rows.length;
		rows.push(i);
		if (!folded.has(i)) for (let k = kids[i].length; k-- > 0;) stack.push(kids[i][k]);
	}
	$('tree').setAttribute('aria-rowcount', rows.length);
	$('tree').dataset.rows = rows.length;
	$('bar').firstChild.style.height = rows.length * ROW + 'px';
	redraw();
}
const height = () => $('tree').clientHeight;
function scrollTo(y) {
	top = Math.max(0, Math.min(y, rows.length * ROW - height()));
	if (Math.abs($('bar').scrollTop - top) > 1) $('bar').scrollTop = top;
	redraw();
}
function reveal(i) {
	for (let p = L[i].p; p >= 0; p = L[p].p) folded.delete(p);
	if (rowOf[i] < 0) layout();
	const y = rowOf[i] * ROW;
	if (y < top) scrollTo(y - 2 * ROW);
	else if (y + ROW > top + height()) scrollTo(y + 3 * ROW - height());
}
function select(i, show) {
	sel = i;
	if (i >= 0) {
		reveal(i);
		if (show) bring(i);
		location.replace('#' + L[i].t);
	}
	info();
	redraw();
}
/* Brings a life into the view's time if it is not there. */
function bring(i) {
	const a = born(L[i]),
		b = died(L[i]);
	if (b < view.a || a > view.b) {
		const w = view.b - view.a;
		setView((a + b) / 2 - w / 2, (a + b) / 2 + w / 2);
	}
}
function fold(i, close) {
	if (!kids[i].length) return;
	if (close) folded.add(i);
	else folded.delete(i);
	layout();
}

/* ---- time */
const T0 = Math.min(D.first, ...L.slice(0, 3).map(l => l.b)),
	T1 = Math.max(D.last, T0 + 1000);
function setView(a, b) {
	const w = Math.max(1000, Math.min(b - a, (T1 - T0) * 1.2)),
		slack = (T1 - T0) * 0.1 + 500;
	a = Math.max(T0 - slack, Math.min(a, T1 + slack - w));
	view = { a, b: a + w };
	redraw();
}
const zoom = (f, at = (view.a + view.b) / 2) => setView(at - (at - view.a) * f, at + (view.b - at) * f),
	pan = f => setView(view.a + (view.b - view.a) * f, view.b + (view.b - view.a) * f);
function fitLife(i) {
	let a = L[i].b,
		b = died(L[i]);
	if (L[i].z) b = Math.max(b, L[i].z);
	const m = (b - a) * 0.06 + 1000;
	setView(a - m, b + m);
}
function fitCommand() {
	const user = L.some(l => l.t === 1) ? L.filter(l => l.p >= 0 && L[l.p].t === 1) : L;
	let a = Infinity,
		b = -Infinity;
	for (const l of user) {
		a = Math.min(a, l.b);
		b = Math.max(b, l.z || died(l));
	}
	if (a < b) setView(a - (b - a) * 0.04, b + (b - a) * 0.04);
	else setView(T0, T1);
}
