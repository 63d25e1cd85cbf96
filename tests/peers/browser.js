// Looks at the page of `serve` in a real Chromium, and uses it by the keyboard:
// browser.js CHROMIUM URL WAITING ENDED [FOLDER]. WAITING is a run that waits for a person, ENDED one
// with hostile names. Pictures go into FOLDER. It fails at the first thing that is wrong.
const assert = require("node:assert/strict");
const path = require("node:path");
const puppeteer = require("puppeteer-core");

const [, , executablePath, url, waiting, ended, folder] = process.argv;
const LIMIT = 120_000;
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 400, height: 800 };
// A4 on its side, between the margins of the style sheet, in CSS pixels.
const PAPER = { width: 1024, height: 680 };

// What happens in the browser that should not.
const complaints = [];

async function open(browser) {
  const page = await browser.newPage();
  page.setDefaultTimeout(LIMIT);
  page.on("dialog", (dialog) => { complaints.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("pageerror", (error) => complaints.push(`an error: ${error}`));
  page.on("console", (said) => complaints.push(`the console: ${said.text()}`));
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url)) complaints.push(`a request to ${asked}`);
  });
  await page.evaluateOnNewDocument(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`violates ${event.violatedDirective}: ${event.blockedURI}`));
  });
  return page;
}

async function visit(page, where) {
  const answer = await page.goto(url + where, { waitUntil: "load" });
  await unharmed(page, where);
  return answer;
}

async function unharmed(page, where) {
  assert.equal(await page.evaluate(() => window.owned), undefined, `${where}: a script of a name ran`);
  assert.equal((await page.$$("img, iframe, object")).length, 0, `${where}: a name became markup`);
  assert.deepEqual(complaints, [], where);
}

// Every piece of text that can be seen, with its boxes, colour and ground, and what pictures are made of.
const texts = () => {
  const found = [];
  const channels = (colour) => {
    const parts = colour.match(/[\d.]+/g).map(Number);
    return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
  };
  const over = (top, below) => top.rgb.map((value, i) => value * top.alpha + below[i] * (1 - top.alpha));
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(channels(getComputedStyle(at).backgroundColor));
    const dark = matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
    return layers.reduceRight((below, layer) => over(layer, below), dark ? [18, 18, 18] : [255, 255, 255]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent.trim();
    if (text === "" || ["SCRIPT", "STYLE", "title"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    if (style.visibility !== "visible") continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    // What a box that scrolls or hides cuts off is not seen.
    const clip = { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity };
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const { overflowX, position, clipPath } = getComputedStyle(at);
      if ((overflowX === "visible" || at instanceof SVGElement) && clipPath === "none") continue;
      const box = at.getBoundingClientRect();
      const cut = clipPath === "none" ? 0 : box.width / 2;
      clip.left = Math.max(clip.left, box.left + cut);
      clip.right = Math.min(clip.right, box.right - cut);
      clip.top = Math.max(clip.top, box.top);
      clip.bottom = Math.min(clip.bottom, box.bottom);
    }
    const boxes = [...range.getClientRects()].map((box) => ({
      left: Math.max(box.left, clip.left),
      right: Math.min(box.right, clip.right),
      top: Math.max(box.top, clip.top),
      bottom: Math.min(box.bottom, clip.bottom),
    })).filter((box) => box.right - box.left > 1 && box.bottom - box.top > 1);
    if (boxes.length === 0) continue;
    const colour = channels(element instanceof SVGElement ? style.fill : style.color);
    const ground = groundOf(element);
    const size = parseFloat(style.fontSize);
    found.push({
      text: text.slice(0, 60), boxes, ink: over(colour, ground), ground,
      large: size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700),
    });
  }
  // Bars and lines need less, as large texts do.
  for (const shape of document.querySelectorAll(".chart rect, .chart line.objective")) {
    const { fill, stroke } = getComputedStyle(shape);
    const ground = groundOf(shape.closest("figure"));
    const ink = over(channels(stroke === "none" ? fill : stroke), ground);
    found.push({ text: `a shape ${shape.getAttribute("class")}`, boxes: [], ink, ground, large: true });
  }
  return found;
};

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

async function legible(page, where) {
  const seen = await page.evaluate(texts);
  assert.ok(seen.length > 3, `${where}: ${seen.length} texts`);
  for (const { text, ink, ground, large } of seen) {
    const ratio = contrast(ink, ground);
    assert.ok(ratio >= (large ? 3 : 4.5), `${where}: \`${text}\` has a contrast of ${ratio.toFixed(2)}`);
  }
  // Boxes of lines reach into each other a little.
  const within = 2;
  const all = seen.flatMap(({ text, boxes }, of) => boxes.map((box) => ({ text, of, ...box })));
  for (const [index, a] of all.entries()) {
    for (const b of all.slice(index + 1)) {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      assert.ok(a.of === b.of || wide <= within || high <= within, `${where}: \`${a.text}\` lies over \`${b.text}\``);
    }
  }
  const [width, room] = await page.evaluate(() => [
    document.scrollingElement.scrollWidth, document.documentElement.clientWidth,
  ]);
  assert.ok(width <= room, `${where}: ${width} pixels wide, and there is room for ${room}`);
}

// Bars and lines are told apart without colour, and have words.
async function pictures(page, where) {
  const drawn = await page.evaluate(() => {
    const style = (name) => {
      const found = document.querySelector(`.chart rect.${name}`);
      return found && (({ fill, strokeDasharray }) => ({ fill, strokeDasharray }))(getComputedStyle(found));
    };
    return {
      words: [...document.querySelectorAll("figure.chart svg")].map((svg) =>
        svg.getAttribute("role") === "img" ? svg.getAttribute("aria-label") : ""),
      titles: [...document.querySelectorAll(".chart rect")].every((bar) => bar.textContent.trim() !== ""),
      passed: style("ok"), failed: style("failed"), unknown: style("unknown"),
      objectives: document.querySelectorAll(".chart line.objective").length,
    };
  });
  assert.ok(drawn.words.length >= 2 && drawn.objectives >= 2 && drawn.titles, `${where}: ${JSON.stringify(drawn)}`);
  for (const words of drawn.words) assert.match(words, /^R[TP]O of .+ (runs|in one run): /s);
  assert.match(drawn.failed.fill, /hatch-bad/);
  assert.doesNotMatch(drawn.passed.fill, /url/);
  assert.equal(drawn.unknown.fill, "none");
  assert.notEqual(drawn.unknown.strokeDasharray, "none");
}

const LOOKS = [
  { name: "wide", size: WIDE },
  { name: "narrow", size: NARROW },
  { name: "narrow-dark", size: NARROW, scheme: "dark" },
  { name: "dark", size: WIDE, scheme: "dark" },
  { name: "print", size: PAPER, media: "print" },
];

async function looked_at(page, where, name, ready = async () => {}) {
  const session = await page.createCDPSession();
  for (const look of LOOKS) {
    const [media, scheme] = [look.media ?? "screen", look.scheme ?? "light"];
    await page.setViewport(look.size);
    // Puppeteer sets one of the two, and Chromium forgets the other.
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    await session.send("Emulation.setEmulatedMedia", { media, features });
    await visit(page, where);
    const is = await page.evaluate((query) => matchMedia(query).matches, `${media} and (prefers-color-scheme: ${scheme})`);
    assert.ok(is, `${look.name} is not shown`);
    await ready();
    if (folder) await page.screenshot({ path: path.join(folder, `${name}-${look.name}.png`), fullPage: true });
    await legible(page, `${where} (${look.name})`);
  }
  if (folder) await page.pdf({ path: path.join(folder, `${name}.pdf`), preferCSSPageSize: true });
  await session.detach();
  await page.setViewport(WIDE);
}

// Moves on with Tab until an element has the focus, which must be seen.
async function tab_to(page, selector) {
  for (let presses = 0; presses < 200; presses += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate((wanted) => {
      const focused = document.activeElement;
      const style = getComputedStyle(focused);
      return { there: focused.matches(wanted), seen: style.outlineStyle !== "none" || focused.matches(".skip"), what: focused.outerHTML };
    }, selector);
    assert.ok(at.seen, `the focus cannot be seen on ${at.what}`);
    if (at.there) return;
  }
  assert.fail(`Tab never came to ${selector}`);
}

async function main() {
  // The sandbox of Chromium does not work for root. The pages are the test's own.
  const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
  const browser = await puppeteer.launch({ executablePath, headless: true, args });
  try {
    const page = await open(browser);
    await looked_at(page, "/", "overview");
    await pictures(page, "/");
    await looked_at(page, "/controls", "controls");
    const told = () => page.waitForFunction(() => document.querySelectorAll("#log li").length > 2);
    await looked_at(page, `/runs/${waiting}`, "live", told);
    await looked_at(page, `/runs/${ended}`, "ended");

    // History, report, and back.
    await visit(page, "/");
    await Promise.all([page.waitForNavigation(), page.click(`section:last-of-type a[href="/runs/${ended}"]`)]);
    await Promise.all([page.waitForNavigation(), page.click("main a[href$='/report']")]);
    assert.equal(new URL(page.url()).pathname, `/runs/${ended}/report`);
    assert.match(await page.$eval("h1", (head) => head.textContent), /\w/);
    await unharmed(page, "the report");
    await page.goBack();
    await page.goBack();
    assert.equal(new URL(page.url()).pathname, "/");

    // A task, by the keyboard alone.
    await visit(page, `/runs/${waiting}`);
    await told();
    const before = await page.$$eval("#log li", (lines) => lines.length);
    await tab_to(page, "input[name=by]");
    const hostile = "<img src=x onerror=window.owned=1>\"'";
    await page.keyboard.type(`Ada ${hostile}`);
    await tab_to(page, "input[name=note]");
    await page.keyboard.type(`done ${hostile}`);
    await tab_to(page, "button[value=done]");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.equal(await page.$("form.task"), null, "what was answered is not asked again");

    // What happens comes by itself.
    await page.evaluate(() => { window.stayed = true; });
    await page.waitForFunction(() => document.getElementById("notice").textContent.includes("has ended"), { timeout: LIMIT });
    assert.equal(await page.evaluate(() => window.stayed), true, "the page was loaded anew");
    const lines = await page.$$eval("#log li", (rows) => rows.length);
    assert.ok(lines > before, `${lines} lines, and ${before} before`);
    await unharmed(page, "the live run");
    await Promise.all([page.waitForNavigation(), page.click("#notice a")]);
    await Promise.all([page.waitForNavigation(), page.click("main a[href$='/report']")]);
    const report = await page.$eval("body", (body) => body.textContent);
    assert.ok(report.includes(`Ada ${hostile}`) && report.includes(`done ${hostile}`), "who confirmed stands in the report");
    await unharmed(page, "the report of the live run");
  } finally {
    await browser.close();
  }
}

main().then(() => process.exit(0), (error) => { console.error(error.message ?? error); process.exit(1); });
