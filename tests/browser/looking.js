// What scripts that look at the page share.
import {chromium} from 'playwright-core';

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
});
/** A number for the pixels of the map. */
const pixels = (page) => page.locator('#map canvas').first().evaluate((canvas) => {
  const gl = canvas.getContext('webgl2');
  const all = new Uint8Array(4 * gl.drawingBufferWidth * gl.drawingBufferHeight);
  gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, all);
  let sum = 0;
  for (let at = 0; at < all.length; at += 4) sum = (sum * 31 + all[at] + 7 * all[at + 1] + 13 * all[at + 2]) >>> 0;
  return sum;
});
/** Waits until the map stays as it is. */
export const settle = async (page) => {
  await page.waitForLoadState('networkidle');
  for (let same = 0, last = null; same < 4;) {
    await page.waitForTimeout(250);
    const now = await pixels(page);
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return pixels(page);
};
