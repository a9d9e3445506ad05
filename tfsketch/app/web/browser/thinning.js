/* Lines thinned to one pixel, as scikit-image's `skeletonize` thins them: Zhang & Suen 1984, with that library's table
 * where it differs from the paper (`tfsketch/framing/thinning.py` says where, and how that was found). */

const AROUND = [[0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1]]; // bits, from above on clockwise
const UNLIKE_THE_PAPER = [
  [[3, 6, 7, 67, 97, 99, 129, 133, 193, 208], [1, 0]],
  [[12, 13, 28, 48, 52, 54, 88, 96, 112], [0, 1]],
  [[5, 20, 65, 80], [1, 1]],
  [[24, 192], [0, 0]],
];

function tablesOf() {
  const tables = [new Uint8Array(256), new Uint8Array(256)];
  for (let code = 0; code < 256; code++) {
    const bit = Array.from({ length: 8 }, (_, n) => (code >> n) & 1), count = bit.reduce((a, b) => a + b), [north, , east, , south, , west] = bit;
    const rises = bit.filter((value, n) => value < bit[(n + 1) % 8]).length, edge = count >= 2 && count <= 6 && rises === 1;
    tables[0][code] = edge && !(north && east && south) && !(east && south && west) ? 1 : 0;
    tables[1][code] = edge && !(north && east && west) && !(north && south && west) ? 1 : 0;
  }
  for (const [codes, halves] of UNLIKE_THE_PAPER) for (const code of codes) for (const half of [0, 1]) tables[half][code] = halves[half];
  return tables;
}
const TABLES = tablesOf();

/** [height * width] of 0 and 1 -> the same, thinned. */
export function thin(lines, width, height) {
  const wide = width + 2, grid = new Uint8Array(wide * (height + 2)), offsets = AROUND.map(([x, y]) => y * wide + x);
  let ink = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!lines[y * width + x]) continue;
      grid[(y + 1) * wide + x + 1] = 1;
      ink.push((y + 1) * wide + x + 1);
    }
  }
  for (let again = true; again;) {
    again = false;
    for (const table of TABLES) {
      const border = ink.filter((at) => table[offsets.reduce((code, offset, bit) => code | (grid[at + offset] << bit), 0)]);
      if (!border.length) continue;
      for (const at of border) grid[at] = 0;
      ink = ink.filter((at) => grid[at]);
      again = true;
    }
  }
  const result = new Uint8Array(width * height);
  for (const at of ink) result[(Math.floor(at / wide) - 1) * width + (at % wide) - 1] = 1;
  return result;
}
