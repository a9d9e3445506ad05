/* NumPy's `default_rng(seed).standard_normal(count, float32)`: a seed gives the noise that it gives in Python.
 *
 * Three public recipes one after the other: NumPy's SeedSequence spreads the seed (after O'Neill's seed_seq), PCG XSL-RR
 * 128/64 gives bits (O'Neill 2014), and a ziggurat of 256 layers makes normal numbers of them (Marsaglia & Tsang 2000),
 * whose tables follow from its right end and the layers' area. */

const MASK = (1n << 128n) - 1n, MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n, LOW = (1n << 64n) - 1n;
const RIGHT = 3.6541528853610088, AREA = 0.00492867323399, BITS = 2 ** 23;

function tables() {
  const density = (x) => Math.exp(-0.5 * x * x);
  const at = new Float64Array(257), keep = new Float64Array(256), scale = new Float32Array(256), height = new Float32Array(256);
  at[255] = RIGHT;
  for (let n = 254; n >= 1; n--) at[n] = Math.sqrt(-2 * Math.log(AREA / at[n + 1] + density(at[n + 1])));
  for (let n = 1; n < 256; n++) {
    keep[n] = Math.floor(((n === 1 ? 0 : at[n - 1]) / at[n]) * BITS);
    scale[n] = at[n] / BITS;
    height[n] = density(at[n]);
  }
  const base = AREA / density(RIGHT);
  keep[0] = Math.floor((RIGHT / base) * BITS);
  scale[0] = base / BITS;
  height[0] = 1;
  return { keep, scale, height };
}

/* The four 64-bit words that a seed, a whole number from 0, is spread to. */
function spread(seed) {
  const words = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0], pool = [];
  let constant = 0x43b0d7e5;
  const hash = (given) => {
    let value = (given ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  for (let n = 0; n < 4; n++) pool.push(hash(words[n] || 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      const mixture = (Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, hash(pool[from]))) >>> 0;
      pool[to] = (mixture ^ (mixture >>> 16)) >>> 0;
    }
  }
  let other = 0x8b51f9dd;
  const state = Array.from({ length: 8 }, (_, n) => {
    let value = (pool[n % 4] ^ other) >>> 0;
    other = Math.imul(other, 0x58f38ded) >>> 0;
    value = Math.imul(value, other) >>> 0;
    return BigInt((value ^ (value >>> 16)) >>> 0);
  });
  return [0, 2, 4, 6].map((n) => state[n] | (state[n + 1] << 32n));
}

/* Gives a function of 32 random bits each. */
function bitsOf(seed) {
  const [high, low, streamHigh, streamLow] = spread(seed);
  const step = ((((streamHigh << 64n) | streamLow) << 1n) | 1n) & MASK;
  let state = (step + ((high << 64n) | low)) & MASK, rest = -1;
  state = (state * MULTIPLIER + step) & MASK;
  return () => {
    if (rest >= 0) { const value = rest; rest = -1; return value; }
    state = (state * MULTIPLIER + step) & MASK;
    const fold = (state >> 64n) ^ (state & LOW), turn = state >> 122n;
    const value = ((fold >> turn) | (fold << (64n - turn))) & LOW;
    rest = Number(value >> 32n);
    return Number(value & 0xffffffffn);
  };
}

let ziggurat = null, last = null;

/** `count` numbers of N(0,1); those of the last seed are kept. Float32Array, not to be changed. */
export function standardNormal(seed, count) {
  if (last && last.seed === seed && last.values.length === count) return last.values;
  ziggurat = ziggurat || tables();
  const { keep, scale, height } = ziggurat, bits = bitsOf(seed), values = new Float32Array(count);
  const share = () => (bits() >>> 8) / 2 ** 24;
  const one = () => {
    for (;;) {
      const r = bits(), layer = r & 255, much = (r >>> 9) & 0x7fffff, x = Math.fround(much * scale[layer]), value = (r >>> 8) & 1 ? -x : x;
      if (much < keep[layer]) return value;
      if (layer === 0) {
        for (;;) {
          const far = -Math.log1p(-share()) / RIGHT, high = -Math.log1p(-share());
          if (high + high > far * far) return (much >>> 8) & 1 ? -(RIGHT + far) : RIGHT + far;
        }
      }
      if ((height[layer - 1] - height[layer]) * share() + height[layer] < Math.exp(-0.5 * x * x)) return value;
    }
  };
  for (let n = 0; n < count; n++) values[n] = one();
  last = { seed, values };
  return values;
}
