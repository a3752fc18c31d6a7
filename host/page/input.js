/* Search, mouse and keys; then everything begins. */
/* ---- search */
function search() {
	const q = $('q').value.trim().toLowerCase();
	hits = [];
	if (q)
		L.forEach((l, i) => {
			if (String(l.t) === q || l.n.toLowerCase().includes(q) || l.cm.toLowerCase().includes(q)) hits.push(i);
		});
	hitSet = new Set(hits);
	$('found').textContent = q ? hits.length + ' found' : '';
	redraw();
}
function next(d) {
	if (!hits.length) return;
	const at = hits.indexOf(sel);
	select(hits[at < 0 ? (d > 0 ? 0 : hits.length - 1) : (at + d + hits.length) % hits.length], true);
}

/* ---- mouse and keys */
function listen() {
	const lanes = $('lanes'),
		tree = $('tree'),
		at = ev => view.a + ((ev.clientX - lanes.getBoundingClientRect().left) / lanes.clientWidth) * (view.b - view.a),
		rowAt = (ev, el) => rows[Math.floor((ev.clientY - el.getBoundingClientRect().top + top) / ROW)];
	const wheel = ev => {
		ev.preventDefault();
		const k = ev.deltaMode === 1 ? 20 : 1;
		if (ev.ctrlKey || ev.metaKey) zoom(Math.pow(1.0018, ev.deltaY * k), at(ev));
		else if (ev.shiftKey || Math.abs(ev.deltaX) > Math.abs(ev.deltaY)) pan(((ev.deltaX || ev.deltaY) * k) / lanes.clientWidth);
		else scrollTo(top + ev.deltaY * k);
	};
	lanes.addEventListener('wheel', wheel, { passive: false });
	tree.addEventListener('wheel', wheel, { passive: false });
	$('axis').addEventListener('wheel', wheel, { passive: false });
	$('bar').addEventListener('scroll', () => {
		if (Math.abs($('bar').scrollTop - top) > 1) {
			top = $('bar').scrollTop;
			redraw();
		}
	});
	let drag = null;
	lanes.addEventListener('pointerdown', ev => {
		if (ev.button) return;
		drag = { x: ev.clientX, y: ev.clientY, a: view.a, b: view.b, top, moved: false };
		lanes.setPointerCapture(ev.pointerId);
		lanes.classList.add('drag');
	});
	lanes.addEventListener('pointermove', ev => {
		if (drag) {
			const dx = ev.clientX - drag.x,
				dy = ev.clientY - drag.y;
			if (Math.abs(dx) + Math.abs(dy) > 4) drag.moved = true;
			if (drag.moved) {
				const k = (dx / lanes.clientWidth) * (drag.b - drag.a);
				setView(drag.a - k, drag.b - k);
				scrollTo(drag.top - dy);
			}
			return;
		}
		const i = rowAt(ev, lanes);
		$('cursor').textContent = 'at ' + time(at(ev));
		tip(ev, i);
	});
	lanes.addEventListener('pointerup', ev => {
		lanes.classList.remove('drag');
		if (drag && !drag.moved) {
			const i = rowAt(ev, lanes);
			select(i === undefined ? -1 : child(i, at(ev)));
		}
		drag = null;
	});
	lanes.addEventListener('pointercancel', () => {
		drag = null;
		lanes.classList.remove('drag');
	});
	lanes.addEventListener('pointerleave', () => {
		$('tip').style.display = 'none';
	});
	lanes.addEventListener('dblclick', ev => {
		const i = rowAt(ev, lanes);
		if (i !== undefined) fitLife(i);
	});
	tree.addEventListener('click', ev => {
		const d = ev.target.closest('.row');
		if (!d) return;
		const i = +d.dataset.life;
		if (ev.target.className === 'tw') fold(i, !folded.has(i));
		else select(i, true);
	});
	tree.addEventListener('dblclick', ev => {
		const d = ev.target.closest('.row');
		if (d) fitLife(+d.dataset.life);
	});
	$('info').addEventListener('click', ev => {
		if (ev.target.dataset.life) select(+ev.target.dataset.life, true);
	});
	$('info').addEventListener('keydown', ev => {
		if (ev.key === 'Enter' && ev.target.dataset.life) select(+ev.target.dataset.life, true);
	});
	let pick = null;
	const mem = $('mem'),
		mt = ev => T0 + ((ev.clientX - mem.getBoundingClientRect().left) / mem.clientWidth) * (T1 - T0);
	mem.addEventListener('pointerdown', ev => {
		pick = mt(ev);
		mem.setPointerCapture(ev.pointerId);
	});
	mem.addEventListener('pointermove', ev => {
		if (pick !== null) {
			const t = mt(ev);
			if (Math.abs(t - pick) > (T1 - T0) / 300) setView(Math.min(t, pick), Math.max(t, pick));
		}
	});
	mem.addEventListener('pointerup', ev => {
		const t = mt(ev),
			w = view.b - view.a;
		if (Math.abs(t - pick) <= (T1 - T0) / 300) setView(t - w / 2, t + w / 2);
		pick = null;
	});
	let split = false;
	$('split').addEventListener('pointerdown', ev => {
		split = true;
		$('split').setPointerCapture(ev.pointerId);
	});
	$('split').addEventListener('pointermove', ev => {
		if (split) {
			$('main').style.setProperty('--left', Math.max(80, Math.min(ev.clientX, innerWidth - 160)) + 'px');
			redraw();
		}
	});
	$('split').addEventListener('pointerup', () => {
		split = false;
	});
	$('q').addEventListener('input', () => {
		search();
		if (hits.length) select(hits[0], true);
	});
	$('q').addEventListener('keydown', ev => {
		if (ev.key === 'Enter') {
			next(ev.shiftKey ? -1 : 1);
			ev.preventDefault();
		} else if (ev.key === 'Escape') {
			$('q').value = '';
			search();
			$('tree').focus();
		}
		ev.stopPropagation();
	});
	$('in').onclick = () => zoom(0.6);
	$('out').onclick = () => zoom(1 / 0.6);
	$('fit').onclick = () => setView(T0, T1);
	$('help').onclick = () => $('keys').showModal();
	$('theme').onclick = () => {
		const r = document.documentElement,
			dark = r.dataset.theme ? r.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
		r.dataset.theme = dark ? 'light' : 'dark';
		colours();
	};
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', colours);
	addEventListener('resize', () => scrollTo(top));
	addEventListener('keydown', key);
}
/* A click on a mark of a fork chooses the child. */
function child(i, t) {
	const near = ((view.b - view.a) / $('lanes').clientWidth) * 4;
	for (const c of kids[i]) if (L[c].e && t >= L[c].b - near && t <= L[c].e + near) return c;
	return i;
}
function tip(ev, i) {
	const t = $('tip');
	if (i === undefined) {
		t.style.display = 'none';
		return;
	}
	const l = L[i];
	t.innerHTML =
		`<b>${l.t} ${esc(l.n.slice(0, 120))}</b><br>${l.k !== undefined ? word(l) + ' ' + time(l.e - l.b) + ', ' : ''}` +
		`alive ${time(died(l) - born(l))}, ${ending(l)}`;
	t.style.display = 'block';
	t.style.left = Math.min(ev.clientX + 14, innerWidth - t.offsetWidth - 8) + 'px';
	t.style.top = Math.min(ev.clientY + 16, innerHeight - t.offsetHeight - 8) + 'px';
}
function key(ev) {
	if (ev.ctrlKey || ev.metaKey || ev.altKey || $('keys').open || (ev.target.tagName === 'BUTTON' && ev.key === 'Enter')) return;
	const r = sel >= 0 ? rowOf[sel] : -1,
		page = Math.max(1, Math.floor(height() / ROW) - 1),
		go = n => select(rows[Math.max(0, Math.min(rows.length - 1, n))], false);
	const acts = {
		ArrowDown: () => go(r + 1),
		ArrowUp: () => go(r < 0 ? 0 : r - 1),
		PageDown: () => go(r + page),
		PageUp: () => go(r - page),
		Home: () => go(0),
		End: () => go(rows.length - 1),
		ArrowRight: () => {
			if (ev.shiftKey) pan(0.2);
			else if (sel >= 0) folded.has(sel) ? fold(sel, false) : kids[sel].length && select(kids[sel][0], false);
		},
		ArrowLeft: () => {
			if (ev.shiftKey) pan(-0.2);
			else if (sel >= 0) kids[sel].length && !folded.has(sel) ? fold(sel, true) : L[sel].p >= 0 && select(L[sel].p, false);
		},
		'+': () => zoom(0.6),
		'=': () => zoom(0.6),
		'-': () => zoom(1 / 0.6),
		a: () => pan(-0.2),
		d: () => pan(0.2),
		0: () => setView(T0, T1),
		f: () => sel >= 0 && fitLife(sel),
		c: () => sel >= 0 && L[sel].p >= 0 && select(L[sel].p, true),
		n: () => next(1),
		N: () => next(-1),
		'/': () => $('q').focus(),
		'?': () => $('keys').showModal(),
		Escape: () => select(-1),
	};
	if (acts[ev.key]) {
		acts[ev.key]();
		ev.preventDefault();
	}
}

/* ---- start */
$('title').textContent = D.title || 'pando trace';
document.title = (D.title || 'trace') + ' – pando trace';
$('sum').textContent =
	`${plural(D.births, 'birth')}, ${plural(D.execs, 'exec')}, ${plural(D.exits, 'exit')} in ${time(T1 - T0)} on ${plural(D.cpus, 'CPU')}`;
{
	const w = [];
	if (D.lost) w.push(`${D.lost} events were lost: this is not all.`);
	if (D.damage) w.push(`The trace is damaged: ${D.damage}.`);
	if (w.length) {
		$('warn').textContent = w.join(' ');
		$('warn').style.display = 'block';
	}
}
listen();
layout();
colours();
info();
fitCommand();
{
	const t = +location.hash.slice(1),
		i = t ? L.findIndex(l => l.t === t) : -1;
	if (i >= 0) select(i, true);
}
