/* What is told of the selected birth. */
/* ---- the selected birth */
const link = i => (i >= 0 ? `<a data-life="${i}" tabindex="0" role="link">${L[i].t} ${esc(L[i].n.slice(0, 60))}</a>` : 'unknown');
const table = list =>
	'<table>' +
	list
		.filter(r => r)
		.map(([a, b]) => `<tr><th>${a}</th><td>${b}</td></tr>`)
		.join('') +
	'</table>';
function flagTable(l) {
	const f = BigInt(l.f),
		out = [];
	for (let b = 7; b < 64; b++)
		if ((f >> BigInt(b)) & 1n) out.push([FLAGS[b] ? 'CLONE_' + FLAGS[b][0] : 'bit ' + b, FLAGS[b] ? FLAGS[b][1] : '']);
	return out.length ? table(out) : 'none: everything is its own';
}
function stepBar(l) {
	const parts = [
			['record and stack', 0, l.a],
			...l.st.map((ns, k) => [D.steps[k] || '?', +l.m[k], ns]).filter((p, k) => p[1]),
			['publish', 0, l.u],
		],
		sum = parts.reduce((a, p) => a + p[2], 0) || 1;
	return (
		'<div class="steps" role="img" aria-label="the steps\' shares of the time">' +
		parts
			.map(
				([n, m, ns]) =>
					`<span class="m${m}" style="flex:${ns / sum} 0 0" title="${esc(n)}: ${time(ns)}">${ns / sum > 0.07 ? esc(n) : ''}</span>`,
			)
			.join('') +
		'</div><table>' +
		parts.map(([n, m, ns]) => `<tr><td>${esc(n)}</td><td>${m ? MODES[m] : ''}</td><td class="n">${time(ns)}</td></tr>`).join('') +
		'</table>'
	);
}
function info() {
	const box = $('info');
	if (sel < 0) {
		box.innerHTML =
			'<span style="color:var(--dim)">Choose a process: its birth step by step, what it shared, what it cost later. Keys: ?</span>';
		return;
	}
	const l = L[sel],
		c = l.c || [0, 0, 0, 0, 0, 0, 0],
		born_ = [];
	if (l.k !== undefined)
		born_.push(
			['made by', link(l.p)],
			['call', `${CALLS[l.k]}${word(l) !== CALLS[l.k] ? ' (in effect a ' + word(l) + ')' : ''}, ${time(l.e - l.b)} at ${time(l.b)}`],
			l.w && ['vfork', `the parent waited ${time(l.w)}`],
			l.tb && ['shared', `${plural(l.tb, 'page table')}, ${plural(l.vm, 'mapping')}`],
			l.fd && ['copied', plural(l.fd, 'descriptor')],
			l.x && ['at its end', 'the parent gets ' + (l.xn || 'signal ' + l.x)],
		);
	const life = [
		['alive', `${time(died(l) - born(l))}, ${ending(l)}`],
		l.kl && ['killed', `signal ${l.kl[0]} ${l.kl[1] ? 'from ' + l.kl[1] : 'from the kernel'}${l.om ? ', for want of memory' : ''}`],
		l.sp && ['spent', `${time(l.sp[0])} running, ${time(l.sp[1])} waiting for a CPU, ${time(l.sp[2])} blocked`],
		l.us && ['used', `${time(l.us[0])} user, ${time(l.us[1])} system; ${l.us[2]} KiB at most; ${plural(l.us[3], 'fault')}`],
		l.z && [
			'zombie',
			time(l.z - l.d) + (l.rp === undefined ? '' : `, then reaped by ${l.rp}${l.rh ? ' (nobody wanted to know)' : ''}`),
		],
		l.ro && ['orphan', `its parent ${l.ro[0]} died: ${l.ro[1]} took it over`],
		kids[sel].length && [
			'children',
			kids[sel].slice(0, 8).map(link).join('<br>') + (kids[sel].length > 8 ? `<br>and ${kids[sel].length - 8} more` : ''),
		],
	];
	const cow = [
		['pages copied', `${c[0]} (${c[0] * 4} KiB)${c[4] ? `, of it ${c[4]} by the creator` : ''}`],
		['pages taken over', c[1]],
		['first writes', `${c[2]} to zeroes, ${c[3]} to files' pages`],
		['tables copied', `${c[5]} with ${plural(c[6], 'entry').replace('entrys', 'entries')}`],
	];
	const execRow = e =>
		`<tr><td>${esc(e.p || '')}${(e.i || []).map(s => '<br>needs ' + esc(s)).join('')}</td><td class="n">${time(e.b - e.a)}</td>` +
		`<td>${e.ok ? `${time(e.pl)} planning; ${plural(e.vm, 'mapping')}, ${plural(e.pg, 'page')}` : esc(e.er)}</td></tr>`;
	const ex = (l.ex || []).map(execRow).join('');
	const bad = (l.bf || []).map(e => `<tr><td>${CALLS[e[1]] || '?'} failed: ${esc(e[2])}</td><td>${esc(e[3])}</td></tr>`).join('');
	box.innerHTML =
		`<h2>${l.t} ${esc(l.n)}</h2><div class="cols"><div><h3>birth</h3>${table(born_)}` +
		`${l.k !== undefined ? '<h3>flags</h3>' + flagTable(l) : ''}</div>` +
		(l.st ? `<div><h3>steps</h3>${stepBar(l)}</div>` : '') +
		`<div><h3>life</h3>${table(life)}<h3>memory after the fork</h3>${table(cow)}</div>` +
		(ex ? `<div><h3>exec</h3><table>${ex}</table></div>` : '') +
		(bad ? `<div><h3>births that failed</h3><table>${bad}</table></div>` : '') +
		'</div>';
}
