#!/usr/bin/env bash
# TensorFlow.js: its Keras layers sample bilinearly at other places than Keras' own, so a converted model gives another
# picture: UpSampling2D shifted by a quarter of an input pixel, Resizing stretched from corner to corner.
#
# tfjs-layers is documented as Keras' API, for models saved by Keras. In Keras on TensorFlow 2, both layers have pixel
# centres at halves: a row 0, 1, 2, 3 doubled is 0, .25, .75, ... 2.75, 3. In TensorFlow.js, UpSampling2D takes TensorFlow
# 1's old convention (an output at i reads the input at i / 2), and Resizing aligns the corners, unless it is told
# crop_to_aspect_ratio. So two layers for one purpose differ from Keras and from one another. No warning: the weights
# load, the shapes agree, and a test with random weights of a network that ends in a mean may pass.
#
# Who meets it: whoever puts a decoder with bilinear upsampling into a browser. Each level adds its own shift, skip
# connections no longer lie on top of what they join, and lines wander towards the lower right. Instead: nearest
# upsampling by whole factors, which is the same everywhere; or a graph model (tfjs-converter's from a SavedModel), whose
# operations carry `half_pixel_centers`; or tf.image.resizeBilinear(x, size, false, true) in a layer of your own.
#
# Seen with @tensorflow/tfjs-layers 4.22.0 on Node 20; Keras' figures are those of TensorFlow 2.15.1.
# Needs npm and node. Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund --save-exact --ignore-scripts \
  @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 >/dev/null
cat >resize.js <<'JAVASCRIPT'
const tf = require('@tensorflow/tfjs-core');
const {layers} = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');

const row = (values) => tf.tensor4d(values, [1, 1, values.length, 1]);
const round = (x) => Array.from(x.dataSync(), (v) => Math.round(v * 1000) / 1000);
const four = row([0, 1, 2, 3]);
const eight = row([0, 1, 2, 3, 4, 5, 6, 7]);
const cases = [
  ['UpSampling2D, 4 to 8', layers.upSampling2d({size: [1, 2], interpolation: 'bilinear'}).apply(four),
   [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]],
  ['Resizing, 4 to 8', layers.resizing({height: 1, width: 8, interpolation: 'bilinear'}).apply(four),
   [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], [0, 0.429, 0.857, 1.286, 1.714, 2.143, 2.571, 3]],
  ['Resizing, 8 to 4', layers.resizing({height: 1, width: 4, interpolation: 'bilinear'}).apply(eight),
   [0.5, 2.5, 4.5, 6.5], [0, 2.333, 4.667, 7]],
  ['resizeBilinear with half_pixel_centers, 4 to 8', tf.image.resizeBilinear(four, [1, 8], false, true),
   [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]],
];
let asDescribed = true;
for (const [name, result, keras, described] of cases) {
  const found = round(result);
  console.log(`${name}\n  Keras: ${keras.join(' ')}\n  found: ${found.join(' ')}`);
  asDescribed = asDescribed && found.every((v, i) => Math.abs(v - described[i]) < 2e-3);
}
console.log(asDescribed ? 'as described' : 'other than described');
process.exit(asDescribed ? 0 : 1);
JAVASCRIPT
node resize.js 2>/dev/null
