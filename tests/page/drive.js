// Opens a page of `pando trace --html` from the disk in headless Chromium (playwright-core), uses it with mouse and keyboard, and prints what it saw as "key=value".
// usage: node drive.js CHROMIUM PAGE.html [SCREENSHOT.png [WIDTH HEIGHT [dark]]]
'use strict';
const path = require('path');
const { chromium } = require('playwright-core');
const [, , executablePath, file, shot, width = '1400', height = '800', colorScheme = 'light'] = process.argv;
const say = (key, value) => console.log(`${key}=${String(value).replace(/\s+/g, ' ')}`);

async function main(page) {
	const errors = [];
	page.on('pageerror', e => errors.push(e.message));
	page.on('console', m => m.type() === 'error' && errors.push(m.text()));
	page.on('request', r => r.url().startsWith('file:') || errors.push('asked for ' + r.url()));
	await page.goto('file://' + path.resolve(file));
	const frame = () => page.evaluate(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))));
	const rows = () => page.locator('#tree').getAttribute('data-rows');
	const key = async name => { await page.keyboard.press(name); await frame(); };
	const selected = () => page.locator('.row.sel').textContent();
	const picture = () => page.evaluate(() => document.querySelector('#lanes canvas').toDataURL());

	await frame();
	say('rows', await rows());

	// A click in the tree, then one on the mark of a birth in the timeline: the middle of a fork on its creator's row.
	const child = page.locator('.row:visible', { hasText: '/bin/busybox true' }).first();
	await (await child.count() ? child : page.locator('.row:visible').nth(2)).click();
	await frame();
	say('info', await page.locator('#info').innerText());
	say('step-marks', await page.locator('.steps span').count());
	if (shot) await page.screenshot({ path: shot });
	const want = await selected();
	const mark = await page.evaluate(() => {
		const lives = JSON.parse(document.getElementById('data').textContent).lives, lanes = document.getElementById('lanes'), box = lanes.getBoundingClientRect();
		const life = lives[document.querySelector('.row.sel').dataset.life], row = document.querySelector(`.row[data-life="${life.p}"]`).getBoundingClientRect();
		const from = +lanes.dataset.from, to = +lanes.dataset.to;
		return [box.left + ((life.b + life.e) / 2 - from) / (to - from) * box.width, row.top + row.height / 2];
	});
	await page.keyboard.press('Escape');
	await frame();
	say('unselected', await page.locator('.row.sel:visible').count());
	await page.mouse.click(...mark);
	await frame();
	say('mark', await selected() === want);

	const box = page.locator('#q');
	const search = async text => { await box.fill(text); await frame(); return page.locator('#found').textContent(); };
	say('found', await search('/bin/busybox true'));
	say('marked', await page.locator('.row.hit:visible').count());
	say('none', await search('no such thing'));
	await search('');

	await page.locator('#tree').focus();
	await key('Home');
	say('first', await selected());
	await key('ArrowDown');
	say('second', await selected());
	await key('ArrowUp');
	await key('ArrowLeft');
	say('folded', await rows());
	await key('ArrowRight');
	say('unfolded', await rows());
	const whole = await picture();
	await key('+');
	const near = await picture();
	await key('d');
	say('zoomed', whole !== near);
	say('panned', near !== await picture());
	await page.locator('#theme').click();
	say('theme', await page.evaluate(() => document.documentElement.dataset.theme));
	await page.locator('#theme').click();

	// What drawing a frame takes, and how far apart frames come, while the wheel turns.
	const drawn = [], apart = [];
	await page.mouse.move(900, 400);
	for (let k = 0; k < 40; k++) {
		if (k === 30) await page.keyboard.down('Control');
		await page.mouse.wheel(0, k < 30 ? 900 : -300);
		const [ms, gap] = await page.evaluate(() => new Promise(r => requestAnimationFrame(a => requestAnimationFrame(b => r([window.lastFrame, b - a])))));
		drawn.push(ms);
		apart.push(gap);
	}
	await page.keyboard.up('Control');
	for (const list of [drawn, apart]) list.sort((a, b) => a - b);
	say('frame-ms', drawn[20].toFixed(1));
	say('frame-worst-ms', drawn[39].toFixed(1));
	say('frames-apart-ms', apart[20].toFixed(1));
	say('errors', errors.join('; '));
}

(async () => {
	const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'], timeout: 120000 });
	const page = await browser.newPage({ viewport: { width: +width, height: +height }, colorScheme });
	page.setDefaultTimeout(60000);
	try {
		await main(page);
	} catch (e) {
		say('errors', e.stack);
	}
	await browser.close();
})();
