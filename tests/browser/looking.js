// What scripts that look at a page share.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {chromium} from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
});
/** Keeps what the console and the scripts of a page complain of, but for what `but` says of a message. */
export const listen = (page, errors, but = () => false) => {
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !/GL Driver Message/.test(message.text()) && !but(message) && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
};
/** Keeps the addresses that a page loads, but for those that `own` says are its own. */
export const loads = (page, loaded, own) => page.on('request', (request) => /^(data|blob):/.test(request.url()) || own(request.url()) || loaded.push(request.url()));
/** What keeps people from using a page, by axe-core. */
export const audit = async (page) => {
  await page.evaluate(AXE);
  const {violations} = await page.evaluate(() => globalThis.axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}));
  return violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 120)).join(' | ')}`);
};
/** A number for the pixels of a map that WebGL draws. */
export const pixels = (page) => page.locator('#map canvas').first().evaluate((canvas) => {
  const gl = canvas.getContext('webgl2');
  const all = new Uint8Array(4 * gl.drawingBufferWidth * gl.drawingBufferHeight);
  gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, all);
  let sum = 0;
  for (let at = 0; at < all.length; at += 4) sum = (sum * 31 + all[at] + 7 * all[at + 1] + 13 * all[at + 2]) >>> 0;
  return sum;
});
/** What `seen` says of a page's map once that stays as it is. */
export const settle = async (page, seen = pixels) => {
  await page.waitForLoadState('networkidle');
  let last = null;
  for (let same = 0; same < 4;) {
    await page.waitForTimeout(250);
    const now = await seen(page);
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
};
/** By what is shown, the pixels of pages of maps at several addresses. */
export const pixelsOf = async (opened, addresses, at, shown) => {
  const found = {};
  for (const each of shown) {
    found[each] = [];
    for (const address of addresses) {
      const page = await opened(`${address}#at=${at}&base=none&opacity=100&${each}`);
      found[each].push(await settle(page));
      await page.close();
    }
  }
  return found;
};
