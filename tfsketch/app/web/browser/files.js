/* Files of pictures: what a photograph's file says beside its pixels, and pictures as files.
 *
 * A browser's own writer of PNG goes through a canvas, and keeps neither colour profiles nor notes; so PNG is written
 * here, pixel by pixel. Of JPEG the browser writes the picture, and profile and mark are put in. */

const text = (value) => new TextEncoder().encode(value);
const XMP = "http://ns.adobe.com/xap/1.0/\0";
const markOf = (source) => `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/${source}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;
const PROFILE = "ICC_PROFILE\0", MOST = 65519; // bytes of a profile in one segment of a JPEG

async function through(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}
function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
}
const word = (value) => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
const starts = (bytes, at, start) => text(start).every((value, n) => bytes[at + n] === value);
const nameAt = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});
function chunk(kind, content) {
  const body = join(text(kind), content);
  let check = 0xffffffff;
  for (const value of body) check = TABLE[(check ^ value) & 255] ^ (check >>> 8);
  return join(word(content.length), body, word((check ^ 0xffffffff) >>> 0));
}

function imagesInGif(bytes) {
  const table = (flags) => (flags & 128 ? 3 << ((flags & 7) + 1) : 0);
  const behindBlocks = (at) => { while (bytes[at]) at += bytes[at] + 1; return at + 1; };
  let at = 13 + table(bytes[10]), count = 0;
  for (; bytes[at] === 0x21 || bytes[at] === 0x2c; at = behindBlocks(at + (bytes[at] === 0x21 ? 2 : 11 + table(bytes[at + 9])))) count += bytes[at] === 0x2c;
  return count;
}

/** What a file is that the browser does not read, by its first bytes, whatever it is called. */
export function unread(head) {
  const brands = nameAt(head, 4) === "ftyp" ? String.fromCharCode(...head.subarray(8, head[2] * 256 + head[3])) : "";
  const format = /avif|avis/.test(brands) ? "AVIF" : /hei[cxms]|hev[cxms]|mif1|msf1/.test(brands) ? "HEIC" : (head[0] === 0xff && head[1] === 0x0a) || nameAt(head, 4) === "JXL " ? "JPEG XL" : "";
  return format ? `${format}: save it as JPEG` : "none";
}

/** How many pictures a file has: of an animation a browser gives the first one, and does not say so. */
export function countOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (starts(bytes, 0, "GIF8")) return imagesInGif(bytes);
  if (starts(bytes, 4, "ftypavis")) return 2; // a sequence, of any length
  let count = 0;
  if (starts(bytes, 1, "PNG")) {
    for (let at = 8; at + 12 <= bytes.length && nameAt(bytes, at + 4) !== "IDAT"; at += 12 + view.getUint32(at)) {
      if (nameAt(bytes, at + 4) === "acTL") count = view.getUint32(at + 8);
    }
  } else if (starts(bytes, 0, "RIFF")) {
    for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) & 1)) count += nameAt(bytes, at) === "ANMF";
  }
  return Math.max(1, count);
}

/** What a photograph's file says: {icc, a colour profile's bytes, empty where there is none, and notes, on what a result
 * does not keep}. */
export async function read(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), parts = [];
  let deep = false, tells = false;
  if (bytes[0] === 0xff && bytes[1] === 0xd8) {
    for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + view.getUint16(at + 2)) {
      if (bytes[at + 1] === 0xe2 && starts(bytes, at + 4, PROFILE)) parts[bytes[at + 16]] = bytes.subarray(at + 18, at + 2 + view.getUint16(at + 2));
      tells = tells || bytes[at + 1] === 0xe1 || bytes[at + 1] === 0xed;
    }
  } else if (starts(bytes, 1, "PNG")) {
    deep = bytes[24] === 16;
    for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
      const kind = nameAt(bytes, at + 4), content = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
      if (kind === "IDAT") break;
      if (kind === "iCCP") parts.push(await through(content.subarray(content.indexOf(0) + 2), new DecompressionStream("deflate")));
      tells = tells || ["eXIf", "iTXt", "tEXt", "zTXt"].includes(kind);
    }
  } else if (starts(bytes, 0, "RIFF")) {
    for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) & 1)) {
      const kind = nameAt(bytes, at);
      if (kind === "ICCP") parts.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at + 4, true)));
      tells = tells || ["EXIF", "XMP "].includes(kind);
    }
  }
  const icc = join(...parts.filter((part) => part)), notes = [];
  if (deep) notes.push("the photograph has 16 bits a channel, the result 8");
  if (tells) notes.push("the file's notes, such as camera, date and place (EXIF, XMP), are left out");
  // A profile of another kind than RGB says nothing of pixels that a browser has converted.
  return { icc: starts(icc, 16, "RGB ") ? icc : new Uint8Array(), notes };
}

/** The IPTC's digital source types of a picture of which a network made a part, or all: the marks of a file. */
export const EDITED = "compositeWithTrainedAlgorithmicMedia", MADE = "trainedAlgorithmicMedia";

/** A picture as PNG: `data` of 3 or 4 channels, row by row; `mark` is empty where it gets none. Gives its bytes. */
export async function png({ data, width, height, channels }, icc, mark) {
  const wide = width * channels, rows = new Uint8Array((wide + 1) * height);
  for (let y = 0; y < height; y++) {
    const at = y * (wide + 1), from = y * wide;
    rows[at] = y ? 2 : 1; // less the pixel above it, and in the first row the one before
    for (let n = 0; n < wide; n++) {
      const before = y ? data[from + n - wide] : n < channels ? 0 : data[from + n - channels];
      rows[at + 1 + n] = data[from + n] - before;
    }
  }
  const chunks = [chunk("IHDR", join(word(width), word(height), new Uint8Array([8, channels === 4 ? 6 : 2, 0, 0, 0])))];
  if (icc.length) chunks.push(chunk("iCCP", join(text("ICC\0\0"), await through(icc, new CompressionStream("deflate")))));
  if (mark) chunks.push(chunk("iTXt", join(text("XML:com.adobe.xmp\0\0\0\0\0"), text(markOf(mark)))));
  chunks.push(chunk("IDAT", await through(rows, new CompressionStream("deflate"))), chunk("IEND", new Uint8Array()));
  return join(new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), ...chunks);
}

/** Puts a colour profile and, if asked for, the mark into a JPEG's bytes. */
export function withSegments(jpeg, icc, mark) {
  const segment = (kind, content) => join(new Uint8Array([0xff, kind, (content.length + 2) >> 8, (content.length + 2) & 255]), content), parts = [];
  if (mark) parts.push(segment(0xe1, join(text(XMP), text(markOf(mark)))));
  const count = Math.ceil(icc.length / MOST);
  for (let n = 0; n < count; n++) parts.push(segment(0xe2, join(text(PROFILE), new Uint8Array([n + 1, count]), icc.subarray(n * MOST, (n + 1) * MOST))));
  // After the JFIF segment, which must be the first.
  const first = jpeg[3] === 0xe0 ? 4 + (jpeg[4] << 8) + jpeg[5] : 2;
  return join(jpeg.subarray(0, first), ...parts, jpeg.subarray(first));
}
