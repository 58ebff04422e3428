// Discs as pixels of an image.

/** Red, green and blue of a colour of the style sheet or the palette. */
function channels(colour) {
  if (colour.startsWith("#")) return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return colour.match(/\d+/g).map(Number);
}

/** Pixels of a disc with a soft edge: offsets, and opacities in 0 .. 1. */
function stampOf(radius, opacity) {
  const found = [], reach = Math.ceil(radius + 0.5);
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)));
      if (cover > 0) found.push(dx, dy, cover * opacity);
    }
  }
  return Float64Array.from(found);
}

/** Lay a stamp over the pixels of an image. */
function stamp({ data, width, height }, pixels, cx, cy, [red, green, blue]) {
  for (let i = 0; i < pixels.length; i += 3) {
    const px = cx + pixels[i], py = cy + pixels[i + 1], opacity = pixels[i + 2];
    if (px < 0 || py < 0 || px >= width || py >= height) continue;
    const at = 4 * (py * width + px);
    const below = (data[at + 3] / 255) * (1 - opacity), total = opacity + below;
    data[at] = (red * opacity + data[at] * below) / total;
    data[at + 1] = (green * opacity + data[at + 1] * below) / total;
    data[at + 2] = (blue * opacity + data[at + 2] * below) / total;
    data[at + 3] = 255 * total;
  }
}
