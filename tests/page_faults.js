// Returns what a reader of the page would complain of, as a list of sentences, in a window so wide.
(async width => {
  const DARKEST = 0.05, LEAST_CONTRAST = 4.5, SMALLEST_LETTERS = 8, ROUNDING = 1;
  const faults = [];
  const all = selector => [...document.body.querySelectorAll(selector)];
  const named = element => `<${element.tagName.toLowerCase()}> "${element.textContent.replace(/\s+/g, " ").trim().slice(0, 40)}"`;
  const ancestors = element => element ? [element, ...ancestors(element.parentElement)] : [];
  const scrolls = element => ancestors(element.parentElement).some(
    each => ["auto", "scroll"].includes(getComputedStyle(each).overflowX));

  // A phone makes the window of a page that does not fit wider, and all in it smaller.
  if (innerWidth !== width) faults.push(`the window is ${innerWidth} wide`);
  if (document.documentElement.scrollWidth > width) faults.push("the page scrolls sideways");
  for (const element of all("*")) {
    const box = element.getBoundingClientRect();
    if (!box.width || element.ownerSVGElement || scrolls(element)) continue;
    if (box.right > width + ROUNDING || box.left < -ROUNDING) faults.push(`beyond the window: ${named(element)}`);
    const hides = ["hidden", "clip"].includes(getComputedStyle(element).overflowX);
    if (hides && element.scrollWidth > element.clientWidth + ROUNDING) faults.push(`cut off: ${named(element)}`);
  }

  for (const text of all("svg text")) {
    const box = text.getBoundingClientRect(), plot = text.ownerSVGElement.getBoundingClientRect();
    const inside = box.left > plot.left - ROUNDING && box.right < plot.right + ROUNDING &&
      box.top > plot.top - ROUNDING && box.bottom < plot.bottom + ROUNDING;
    if (!inside) faults.push(`cut off by the plot: ${named(text)}`);
    const size = parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a;
    if (size < SMALLEST_LETTERS) faults.push(`letters of ${size.toFixed(1)} pixels: ${named(text)}`);
  }

  for (const link of all("a[href]")) {
    const address = link.getAttribute("href");
    const target = address.startsWith("#") && document.getElementById(address.slice(1));
    if (!target?.querySelector("svg, img")) faults.push(`no plot at ${address}: ${named(link)}`);
  }

  for (const plot of all("svg")) {
    if (!plot.querySelector("path") || !plot.getBBox().width) faults.push("a plot is empty");
  }
  for (const image of all("img, svg image")) {
    const source = image.getAttribute("src") ?? image.getAttribute("xlink:href") ?? image.getAttribute("href");
    const decoded = Object.assign(new Image(), {src: source});
    await decoded.decode().catch(() => {});
    if (!decoded.naturalWidth) faults.push(`no picture: ${source.slice(0, 60)}`);
  }

  // Reference: WCAG 2.2, https://www.w3.org/TR/WCAG22, relative luminance and contrast ratio.
  const parsed = color => {
    const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
    return {channels: [red, green, blue].map(each => each / 255), alpha};
  };
  const over = (front, back) => front.channels.map(
    (each, i) => each * front.alpha + back[i] * (1 - front.alpha));
  const background = element => {
    const layers = ancestors(element).map(each => parsed(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [1, 1, 1]);
  };
  const filtered = (element, channels) => ancestors(element).reduce((color, each) => {
    const part = Number(getComputedStyle(each).filter.match(/invert\(([\d.]+)\)/)?.[1] ?? 0);
    return color.map(channel => channel * (1 - 2 * part) + part);
  }, channels);
  const luminance = channels => {
    const linear = channels.map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrast = element => {
    const style = getComputedStyle(element), back = background(element);
    const front = over(parsed(element.ownerSVGElement ? style.fill : style.color), back);
    const [low, high] = [front, back].map(each => luminance(filtered(element, each))).sort((a, b) => a - b);
    return (high + DARKEST) / (low + DARKEST);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const holders = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && element.getClientRects().length) holders.add(element);
  }
  if (!holders.size) faults.push("the page is empty");
  for (const element of holders) {
    const found = contrast(element);
    if (!(found >= LEAST_CONTRAST)) faults.push(`contrast ${found.toFixed(2)}: ${named(element)}`);
  }
  return faults;
})
