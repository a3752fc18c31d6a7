// Opens pages of `pando trace --html` in headless Chromium over its debugging pipe, uses them with mouse and keyboard, and prints what it saw as "key=value".
// usage: node drive.js CHROMIUM PROFILE-DIR PAGE.html [SCREENSHOT.png [WIDTH HEIGHT [dark]]]
'use strict';
const { spawn } = require('child_process'), fs = require('fs'), path = require('path');
const [, , browser, profile, page, shot, width = '1400', height = '800', scheme = 'light'] = process.argv;
const child = spawn(browser, ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', '--hide-scrollbars', `--user-data-dir=${profile}`,
	`--window-size=${width},${height}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const errors = [], waiting = new Map();
let next = 1, session, rest = '';
setTimeout(() => { console.log('errors=timed out'); child.kill('SIGKILL'); process.exit(1); }, 150000).unref();

child.stdio[4].on('data', data => {
	const parts = (rest + data).split('\0');
	rest = parts.pop();
	for (const text of parts) {
		const m = JSON.parse(text);
		if (m.id && waiting.has(m.id)) {
			waiting.get(m.id)(m);
			waiting.delete(m.id);
		} else if (m.method === 'Runtime.exceptionThrown') {
			errors.push(m.params.exceptionDetails.exception?.description || m.params.exceptionDetails.text);
		} else if (m.method === 'Log.entryAdded' && m.params.entry.level === 'error') {
			errors.push(m.params.entry.text);
		} else if (m.method === 'Page.loadEventFired' && waiting.has('load')) {
			waiting.get('load')();
		}
	}
});
const send = (method, params = {}) => new Promise(resolve => {
	waiting.set(next, resolve);
	child.stdio[3].write(JSON.stringify({ id: next++, method, params, sessionId: session }) + '\0');
});
const run = async code => {
	const r = await send('Runtime.evaluate', { expression: `(async () => { ${code} })()`, awaitPromise: true, returnByValue: true });
	if (r.result?.exceptionDetails) errors.push(r.result.exceptionDetails.exception?.description || 'exception');
	return r.result?.result?.value;
};
const settle = () => run('await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))');
const key = async (name, text) => {
	await send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', key: name, text });
	await send('Input.dispatchKeyEvent', { type: 'keyUp', key: name });
	await settle();
};
const click = async (x, y) => {
	for (const type of ['mousePressed', 'mouseReleased']) await send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
	await settle();
};
const say = (k, v) => console.log(`${k}=${String(v).replace(/\s+/g, ' ')}`);
const search = async text => {
	await run(`const q = document.getElementById('q'); q.value = ${JSON.stringify(text)}; q.dispatchEvent(new Event('input'));`);
	await settle();
	return run("return document.getElementById('found').textContent");
};
const ROWS = "[...document.querySelectorAll('.row')].filter(d => d.style.display !== 'none')";

(async () => {
	const target = await send('Target.createTarget', { url: 'about:blank' });
	session = (await send('Target.attachToTarget', { targetId: target.result.targetId, flatten: true })).result.sessionId;
	for (const domain of ['Page', 'Runtime', 'Log']) await send(domain + '.enable');
	await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
	const loaded = new Promise(r => waiting.set('load', r));
	await send('Page.navigate', { url: 'file://' + path.resolve(page) });
	await loaded;
	await settle();
	say('rows', await run("return document.getElementById('tree').dataset.rows"));
	const at = await run(`const d = ${ROWS}.find(d => / \\/bin\\/busybox true$/.test(d.textContent)) || ${ROWS}[2], b = d.getBoundingClientRect(); return [b.left + 60, b.top + 10]`);
	await click(...at);
	say('info', await run("return document.getElementById('info').innerText"));
	say('step-marks', await run("return document.querySelectorAll('.steps span').length"));
	if (shot) fs.writeFileSync(shot, Buffer.from((await send('Page.captureScreenshot')).result.data, 'base64'));
	say('found', await search('/bin/busybox true'));
	say('marked', await run(`return ${ROWS}.filter(d => d.classList.contains('hit')).length`));
	say('none', await search('no such thing'));
	await search('');
	await run("document.getElementById('tree').focus()");
	await key('Home');
	say('first', await run("return document.querySelector('.row.sel').textContent"));
	await key('ArrowDown');
	say('second', await run("return document.querySelector('.row.sel').textContent"));
	await key('ArrowUp');
	await key('ArrowLeft');
	say('folded', await run("return document.getElementById('tree').dataset.rows"));
	await key('ArrowRight');
	say('unfolded', await run("return document.getElementById('tree').dataset.rows"));
	const before = await run("return document.getElementById('axis').firstChild.toDataURL()");
	await key('+', '+');
	say('zoomed', before !== await run("return document.getElementById('axis').firstChild.toDataURL()"));
	const times = [];
	for (let k = 0; k < 40; k++) {
		await send('Input.dispatchMouseEvent', { type: 'mouseWheel', x: 900, y: 300, deltaX: 0, deltaY: k < 30 ? 900 : -300, modifiers: k < 30 ? 0 : 2 });
		await settle();
		times.push(await run('return window.lastFrame'));
	}
	times.sort((a, b) => a - b);
	say('frame-ms', times[20].toFixed(1));
	say('frame-worst-ms', times[39].toFixed(1));
	say('errors', errors.join('; '));
	child.kill();
	process.exit(0);
})();
