// What the page does beyond its forms: it copies, shows what is typed, checks
// it without sending it, and tells when the session is about to end. It sends
// nothing: the Content-Security-Policy allows no request but for what a form
// or a link does.
"use strict";

// checkLocally tells whether a text meets a requirement, [type, [[name,
// value], ...]] in JSON: true, false, or undefined if only the server can say.
const checkLocally = (() => {
  const ascii = (s) => /^[\x00-\x7f]*$/.test(s);
  const octets = (s) => new TextEncoder().encode(s);
  const count = (chars, is) => chars.reduce((n, c) => n + (is(c) ? 1 : 0), 0);
  const digit = (c) => c >= "0" && c <= "9";
  const upper = (c) => c >= "A" && c <= "Z";
  const lower = (c) => c >= "a" && c <= "z";
  const eightBit = (c) => c.codePointAt(0) > 0x7f;
  const special = (c) => !eightBit(c) && !digit(c) && !upper(c) && !lower(c);
  const kinds = [digit, upper, lower, special, eightBit];
  const fold = (chars, p) => p.get("case-sensitive-validation") === "true" ? chars : chars.map((c) => c.toLowerCase());
  // How case is ignored beyond ASCII differs between servers.
  const foldable = (s, p) => p.get("case-sensitive-validation") === "true" || ascii(s);
  const longestRun = (list, same) => {
    let best = 0, run = 0;
    list.forEach((c, i) => {
      run = i > 0 && same(c, list[i - 1]) ? run + 1 : 1;
      best = Math.max(best, run);
    });
    return best;
  };

  const checks = {
    "length": (s, chars, p) => {
      // Beyond the basic plane, some servers count two.
      if (p.get("unit") !== "octets" && chars.length !== s.length) {
        return undefined;
      }
      const n = p.get("unit") === "octets" ? octets(s).length : chars.length;
      return n >= p.number("minimum-length", 0) && n <= p.number("maximum-length", Infinity);
    },
    "character-set": (s, chars, p) => {
      const sets = [];
      for (let i = 1; p.has(`set-${i}-characters`); i++) {
        sets.push({ of: new Set(p.get(`set-${i}-characters`)), min: p.number(`set-${i}-min-count`, 0), n: 0 });
      }
      let others = 0;
      for (const c of chars) {
        const set = sets.find((x) => x.of.has(c));
        if (set) {
          set.n++;
        } else {
          others++;
        }
      }
      return sets.every((x) => x.n >= x.min)
        && sets.filter((x) => x.n > 0).length >= p.number("minimum-required-character-sets", 0)
        && (others === 0 || p.get("allow-unclassified-characters") === "true");
    },
    "class-minimums": (s, chars, p) =>
      count(chars, digit) >= p.number("min-digits", 0)
      && count(chars, (c) => upper(c) || lower(c)) >= p.number("min-alphas", 0)
      && count(chars, upper) >= p.number("min-uppers", 0)
      && count(chars, lower) >= p.number("min-lowers", 0)
      && count(chars, special) >= p.number("min-specials", 0)
      && count(chars, eightBit) >= p.number("min-8bit", 0),
    "character-categories": (s, chars, p) => {
      const used = kinds.filter((is) => chars.some(is)).length;
      const min = p.number("min-categories", 0);
      if (used < min) {
        return false;
      }
      // To FreeIPA, repeating a character may cost one.
      return used > min || longestRun(chars, (a, b) => a === b) < 3 ? true : undefined;
    },
    "disallowed-characters": (s, chars, p) => {
      const none = (name, some) => {
        const set = new Set(p.get(name) || "");
        return !some.some((c) => set.has(c));
      };
      return none("disallowed-characters", chars)
        && none("disallowed-leading-characters", chars.slice(0, 1))
        && none("disallowed-trailing-characters", chars.slice(-1));
    },
    "repeated-characters": (s, chars, p) => {
      if (!ascii(s)) {
        return undefined;
      }
      const max = p.number("max-consecutive-length", 0);
      if (max <= 0) {
        return true;
      }
      const folded = fold(chars, p);
      const sets = p.all("character-set").map((set) => new Set(fold([...set], p)));
      return longestRun(folded, (a, b) => a === b) <= max
        && sets.every((set) => longestRun(folded, (a, b) => set.has(a) && set.has(b)) <= max);
    },
    "unique-characters": (s, chars, p) =>
      foldable(s, p) ? new Set(fold(chars, p)).size >= p.number("min-unique-characters", 0) : undefined,
    "sequence": (s, chars, p) => {
      const max = p.number("max-sequence", 0);
      const bytes = [...octets(s)];
      return max <= 0 || [1, -1].every((step) => 
        bytes.length === 0 || longestRun(bytes, (a, b) => a - b === step) <= max);
    },
    "credits": (s, chars, p) => {
      const bytes = [...octets(s)].map((b) => String.fromCharCode(b));
      const other = (c) => !digit(c) && !upper(c) && !lower(c);
      let required = p.number("minimum-length", 0);
      for (const [name, is] of [["digit-credit", digit], ["upper-credit", upper], ["lower-credit", lower], ["other-credit", other]]) {
        const credit = p.number(name, 0), n = count(bytes, is);
        if (credit > 0) {
          required -= Math.min(n, credit);
        } else if (n < -credit) {
          return false;
        }
      }
      return bytes.length >= required;
    },
    "palindrome": (s, chars, p) => {
      if (!ascii(s)) {
        return undefined;
      }
      const folded = fold(chars, p);
      return folded.join("") !== [...folded].reverse().join("");
    },
  };

  return (requirement, text) => {
    const [type, pairs] = JSON.parse(requirement || '[""]');
    if (!Object.hasOwn(checks, type)) {
      return undefined;
    }
    const values = new Map(pairs);
    return checks[type](text, Array.from(text), {
      has: (name) => values.has(name),
      get: (name) => values.get(name),
      all: (name) => pairs.filter((x) => x[0] === name).map((x) => x[1]),
      number: (name, otherwise) => values.has(name) ? Number(values.get(name)) : otherwise,
    });
  };
})();

(() => {
  document.documentElement.classList.add("scripted");
  const status = document.getElementById("status");
  const announce = (text) => {
    // The same text twice is not read twice.
    status.textContent = "";
    setTimeout(() => { status.textContent = text; }, 50);
  };

  // Copying. Without the right to the clipboard, the old command; without
  // that, the text is selected.
  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  const copy = async (node) => {
    try {
      await navigator.clipboard.writeText(node.textContent);
      return true;
    } catch {
      select(node);
      try {
        return document.execCommand("copy");
      } catch {
        return false;
      }
    }
  };
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.firstChild;
    const text = label.textContent;
    let timer;
    button.addEventListener("click", async () => {
      if (await copy(document.getElementById(button.dataset.copy))) {
        label.textContent = "Copied";
        announce("The password was copied.");
      } else {
        label.textContent = "Selected";
        announce("The password is selected. Copy it with Control C.");
      }
      clearTimeout(timer);
      timer = setTimeout(() => { label.textContent = text; }, 3000);
    });
  }

  for (const button of document.querySelectorAll("[data-show]")) {
    const input = document.getElementById(button.dataset.show);
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      input.focus();
    });
  }

  // Pressing twice must not reset twice.
  for (const form of document.querySelectorAll("form[method=post]")) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) {
        event.preventDefault();
      }
      sent = true;
    });
    addEventListener("pageshow", () => { sent = false; });
  }

  const input = document.querySelector("[data-live]");
  if (input) {
    const live = document.getElementById("live");
    const items = [...document.querySelectorAll(".requirements li")].map((node) => ({
      node, state: node.querySelector(".state"),
    }));
    const words = { met: "Met: ", broken: "Not met: ", later: "Checked by the server only: " };
    let timer;
    const judge = () => {
      const text = input.value;
      const counts = { met: 0, broken: 0, later: 0 };
      for (const { node, state } of items) {
        node.classList.remove("met", "broken", "later");
        state.textContent = "";
        if (text === "") {
          continue;
        }
        const verdict = checkLocally(node.dataset.check, text);
        const name = verdict === undefined ? "later" : verdict ? "met" : "broken";
        counts[name]++;
        node.classList.add(name);
        state.textContent = words[name];
      }
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (text === "") {
          live.textContent = "";
          return;
        }
        live.textContent = `${counts.met} of ${items.length} met` +
          (counts.broken ? `, ${counts.broken} not met` : "") +
          (counts.later ? `, ${counts.later} for the server to check` : "") + ".";
      }, 300);
    };
    input.addEventListener("input", judge);
    if (input.value) {
      judge();
    }
  }
  // The session ends without a request. The page says so a minute before, and
  // goes away with what is on it.
  const idle = Number(document.body.dataset.idle || 0) * 1000;
  if (idle > 0) {
    const opened = Date.now();
    const stay = document.body.dataset.stay;
    const warning = Math.min(60000, idle / 2);
    const box = document.getElementById("idle");
    let warned = false;
    const look = () => {
      const left = opened + idle - Date.now();
      if (left <= 0) {
        location.replace("/console/idle?next=" + encodeURIComponent(stay));
        return;
      }
      if (left <= warning && !warned) {
        warned = true;
        const text = document.createElement("span");
        text.textContent = `You will be signed out in ${warning >= 60000 ? "a minute" : "a moment"}.`;
        const link = document.createElement("a");
        link.className = "button main";
        link.href = stay;
        link.textContent = "Stay signed in";
        box.append(text, link);
      }
      setTimeout(look, Math.max(50, left <= warning ? left : left - warning));
    };
    look();
    document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - opened >= idle) { look(); } });
    addEventListener("pageshow", (event) => { if (event.persisted) { look(); } });
  }
})();
