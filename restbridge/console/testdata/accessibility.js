// Rules for what every page must be like for people who use a keyboard, a
// screen reader, or need contrast. It returns what breaks them, each as
// "rule: element". The rules are those of WCAG 2.2, AA, that a program can
// check.
(() => {
  const findings = [];
  const name = (e) => {
    let s = e.tagName.toLowerCase();
    if (e.id) s += "#" + e.id;
    else if (e.className && typeof e.className === "string") s += "." + e.className.trim().split(/\s+/).join(".");
    const text = (e.textContent || "").trim().replace(/\s+/g, " ").slice(0, 30);
    return text ? `${s} "${text}"` : s;
  };
  const fail = (rule, e) => findings.push(rule + ": " + (typeof e === "string" ? e : name(e)));
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const style = (e) => getComputedStyle(e);
  const rendered = (e) => e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  const clipped = (e) => {
    for (let n = e; n; n = n.parentElement) {
      const s = style(n);
      if (s.clipPath === "inset(50%)" && n.getBoundingClientRect().width <= 1) return true;
    }
    return false;
  };

  // The document.
  if (!document.documentElement.lang) fail("language", "html");
  if (!document.title.trim()) fail("title", "html");
  const viewport = document.querySelector("meta[name=viewport]");
  if (!viewport || /user-scalable\s*=\s*(no|0)|maximum-scale\s*=\s*1(\D|$)/.test(viewport.content)) fail("zoom", "meta viewport");

  // IDs and references to them.
  const ids = new Map();
  for (const e of all("[id]")) ids.set(e.id, (ids.get(e.id) || 0) + 1);
  for (const [id, n] of ids) if (n > 1) fail("duplicate-id", id);
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "for", "headers"]) {
    for (const e of all(`[${attribute}]`)) {
      for (const id of e.getAttribute(attribute).split(/\s+/)) if (!ids.has(id)) fail("reference", e);
    }
  }

  // Landmarks and headings.
  if (all("main, [role=main]").filter(rendered).length !== 1) fail("one-main", "main");
  if (all("header, [role=banner]").filter((e) => rendered(e) && !e.closest("main, section, article")).length > 1) fail("one-banner", "header");
  const outside = [...document.body.children].filter((e) =>
    rendered(e) && !e.matches("header, main, footer, nav, aside, script, .skip, [role=status], [role=alert]"));
  for (const e of outside) fail("outside-landmarks", e);
  for (const list of [all("nav"), all("section[aria-label], section[aria-labelledby]")]) {
    const labels = list.map(accessibleName);
    labels.forEach((l, i) => { if (!l && list.length > 1 || l && labels.indexOf(l) !== i) fail("landmark-name", list[i]); });
  }
  const headings = all("h1, h2, h3, h4, h5, h6").filter(rendered);
  if (headings.filter((h) => h.tagName === "H1").length !== 1) fail("one-h1", "h1");
  let last = 0;
  for (const h of headings) {
    const level = Number(h.tagName[1]);
    if (level > last + 1) fail("heading-order", h);
    if (!h.textContent.trim()) fail("empty-heading", h);
    last = level;
  }
  const skip = document.querySelector("a[href^='#']");
  if (!skip || skip !== all("a[href], button, input, select, textarea, summary, [tabindex='0']").find(rendered)
      || !document.querySelector(skip.getAttribute("href"))) fail("skip-link", "body");

  // Names.
  function accessibleName(e) {
    const by = e.getAttribute("aria-labelledby");
    if (by) return by.split(/\s+/).map((id) => (document.getElementById(id) || {}).textContent || "").join(" ").trim();
    if (e.getAttribute("aria-label")) return e.getAttribute("aria-label").trim();
    if (e.labels && e.labels.length) return [...e.labels].map((l) => l.textContent).join(" ").trim();
    if (e.tagName === "IMG") return (e.getAttribute("alt") || "").trim();
    if (e.tagName === "NAV" || e.tagName === "SECTION") return "";
    return (all("img[alt]", e).map((i) => i.alt).join(" ") + " " + e.textContent).trim();
  }
  for (const e of all("a[href], button, summary, input:not([type=hidden]), select, textarea, [role=button], [role=link]").filter(rendered)) {
    if (!accessibleName(e)) fail("name", e);
    if (e.hasAttribute("aria-label") && e.textContent.trim() && !accessibleName(e).includes(e.textContent.trim())) fail("label-in-name", e);
  }
  for (const e of all("img")) if (!e.hasAttribute("alt")) fail("alt", e);
  const byName = new Map();
  for (const e of all("button, a[href]").filter(rendered)) {
    const n = accessibleName(e).replace(/\s+/g, " ");
    const goes = e.tagName === "A" ? e.href : !e.form || e.type === "button" ? "#" + Object.values(e.dataset).join() : new URLSearchParams(new FormData(e.form)).toString() + (e.hasAttribute("formaction") ? e.formAction : e.form.action);
    if (byName.has(n) && byName.get(n) !== goes) fail("same-name", e);
    byName.set(n, goes);
  }
  for (const e of all("input[type=password], input[name=username]")) if (!e.autocomplete) fail("autocomplete", e);

  // Structure.
  for (const e of all("li")) if (!e.parentElement.matches("ul, ol, menu")) fail("list", e);
  for (const e of all("ul, ol")) if ([...e.children].some((c) => !c.matches("li, script, template"))) fail("list", e);
  for (const e of all("dt, dd")) if (!e.closest("dl")) fail("list", e);
  for (const e of all("table")) if (!e.querySelector("caption") || all("th", e).some((h) => !h.scope)) fail("table", e);
  const roles = ["status", "alert", "search", "button", "link", "banner", "main", "navigation", "region", "list", "listitem", "table", "dialog", "alertdialog"];
  for (const e of all("[role]")) if (!roles.includes(e.getAttribute("role"))) fail("role", e);
  for (const e of all("*")) for (const a of e.attributes) {
    if (a.name.startsWith("aria-") && !["aria-labelledby", "aria-label", "aria-describedby", "aria-hidden", "aria-current", "aria-pressed", "aria-live", "aria-expanded"].includes(a.name)) fail("aria-attribute", e);
    if (/^on/.test(a.name)) fail("inline-handler", e);
  }

  // The keyboard.
  const focusable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  for (const e of all("[tabindex]")) if (e.tabIndex > 0) fail("tab-order", e);
  for (const e of all("[aria-hidden=true]")) if (e.matches(focusable) || e.querySelector(focusable)) fail("hidden-focus", e);
  const before = document.activeElement;
  for (const e of all("a[href], button, input:not([type=hidden]), summary").filter((e) => rendered(e) && !e.disabled)) {
    e.focus({ preventScroll: true, focusVisible: true });
    const s = style(e);
    if (document.activeElement !== e) fail("focusable", e);
    else if (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 2) fail("visible-focus", e);
  }
  if (before && before.focus) before.focus({ preventScroll: true });

  // Sizes of targets. Links in sentences may be smaller.
  for (const e of all("a[href], button, summary, input:not([type=hidden]), select").filter((e) => rendered(e) && !clipped(e) && !e.matches(".skip"))) {
    const r = e.getBoundingClientRect();
    const inline = e.tagName === "A" && style(e).display === "inline";
    if (!inline && (r.width < 24 || r.height < 24)) fail("target-size", `${name(e)} ${r.width}×${r.height}`);
  }

  // Contrast, with all that is behind a text laid over each other.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => {
    const a = top[3] + below[3] * (1 - top[3]);
    if (a === 0) return [0, 0, 0, 0];
    return [0, 1, 2].map((i) => (top[i] * top[3] + below[i] * below[3] * (1 - top[3])) / a).concat(a);
  };
  const behind = (e) => {
    let c = [0, 0, 0, 0];
    for (let n = e; n && c[3] < 1; n = n.parentElement) c = over(c, rgba(style(n).backgroundColor));
    return over(c, matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1]);
  };
  const luminance = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  let texts = 0;
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(e) || e.matches("script, style, noscript, template") || !rendered(e) || clipped(e)) continue;
    seen.add(e);
    texts++;
    const s = style(e), bg = behind(e), size = parseFloat(s.fontSize);
    const large = size >= 24 || size >= 18.66 && Number(s.fontWeight) >= 700;
    const c = contrast(over(rgba(s.color), bg), bg);
    if (c < (large ? 3 : 4.5)) fail("contrast", `${name(e)} ${c.toFixed(2)}`);
  }
  if (texts === 0) fail("contrast", "no text");
  // What a field is bounded by.
  for (const e of all("input:not([type=hidden]), select, textarea").filter(rendered)) {
    const bg = behind(e.parentElement);
    if (contrast(over(rgba(style(e).borderTopColor), bg), bg) < 3) fail("field-contrast", e);
  }
  return findings;
})()
