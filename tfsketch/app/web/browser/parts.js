/* The connected parts of a layer. */

const AROUND = [[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]];

/** The parts of what is not 0 in a layer of one channel, neighbours at corners included: of each the places of its pixels
 * in the layer's data. */
export function partsOf({ data, width, height }) {
  const left = Uint8Array.from(data, (value) => (value ? 1 : 0)), parts = [];
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    const part = [start];
    left[start] = 0;
    for (let n = 0; n < part.length; n++) {
      const x = part[n] % width, y = Math.floor(part[n] / width);
      for (const [dx, dy] of AROUND) {
        const at = part[n] + dy * width + dx;
        if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height || !left[at]) continue;
        left[at] = 0;
        part.push(at);
      }
    }
    parts.push(part);
  }
  return parts;
}
