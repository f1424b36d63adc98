/* Searches the files of the export without a server. Words are cut and stemmed
   as in store/query, in whose language it is asked. */
var ccgwatch = (function () {
  "use strict";
  var got = {}, waiting = {}, loaded = {};

  /* words */
  var wordy = /[\p{L}\p{Nd}\p{M}]/u, letter = /\p{L}/u, upper = /\p{Lu}/u, lower = /[\p{Ll}\p{Lt}]/u;

  function invisible(c) {
    var n = c.codePointAt(0);
    return n === 0xad || n >= 0x200b && n <= 0x200f || n === 0x2060 || n === 0xfeff;
  }
  function plain(w) { return /^[a-z]*$/.test(w); }
  function vowel(w, i) {
    var c = w[i];
    return c === "a" || c === "e" || c === "i" || c === "o" || c === "u" || c === "y" && i > 0 && !vowel(w, i - 1);
  }
  function hasVowel(w) { for (var i = 0; i < w.length; i++) if (vowel(w, i)) return true; return false; }
  function measure(w) {
    var m = 0, was = false;
    for (var i = 0; i < w.length; i++) { var v = vowel(w, i); if (was && !v) m++; was = v; }
    return m;
  }
  function cvc(w) {
    var n = w.length;
    return n >= 3 && !vowel(w, n - 1) && vowel(w, n - 2) && !vowel(w, n - 3) && "wxy".indexOf(w[n - 1]) < 0;
  }
  function cut(w, end) { return w.endsWith(end) ? w.slice(0, w.length - end.length) : null; }
  function plural(w) {
    if (w.endsWith("sses") || w.endsWith("ies") && w.length > 4) return w.slice(0, -2);
    if (w.endsWith("ss") || w === "news") return w;
    return w.endsWith("s") ? w.slice(0, -1) : w;
  }
  function participle(w) {
    var s = cut(w, "eed");
    if (s !== null) return measure(s) > 0 ? w.slice(0, -1) : w;
    s = cut(w, "ed");
    if (s === null) s = cut(w, "ing");
    if (s === null || !hasVowel(s)) return w;
    var n = s.length;
    if (s.endsWith("at") || s.endsWith("bl") || s.endsWith("iz")) return s + "e";
    if (n > 1 && s[n - 1] === s[n - 2] && !vowel(s, n - 1) && "lsz".indexOf(s[n - 1]) < 0) return s.slice(0, -1);
    if (measure(s) === 1 && cvc(s)) return s + "e";
    return s;
  }
  function stem(w) {
    var s;
    if (w.length < 3 || !plain(w)) return w;
    w = participle(plural(w));
    ["isation", "ization"].forEach(function (end) { s = cut(w, end); if (s !== null && measure(s) > 0) w = s + "is"; });
    s = cut(w, "y"); if (s !== null && hasVowel(s)) w = s + "i";
    s = cut(w, "e"); if (s !== null && (measure(s) > 1 || measure(s) === 1 && !cvc(s))) w = s;
    s = cut(w, "iz"); if (s !== null && measure(s) > 0) w = s + "is";
    return w;
  }
  function small(s) { var out = ""; Array.from(s).forEach(function (c) { out += c === "\u0130" ? "i" : c.toLowerCase(); }); return out; }
  function token(raw) { var w = small(raw); return {raw: raw, word: w, stem: stem(w)}; }
  function tokens(text) {
    var out = [], b = "", cs = Array.from(text.normalize("NFKC"));
    function flush() { if (b) { out.push(token(b)); b = ""; } }
    cs.forEach(function (c, i) {
      if (wordy.test(c)) b += c;
      else if (invisible(c)) return;
      else if ((c === "'" || c === "\u2019") && b && i + 1 < cs.length && letter.test(cs[i + 1])) return;
      else if (c === "&") { flush(); out.push({raw: "&", word: "and", stem: "and"}); }
      else flush();
    });
    flush();
    return out;
  }
  function isUpper(c) { return upper.test(c); }
  function isLower(c) { return lower.test(c); }
  function shouting(ts) {
    var n = 0, no = false;
    ts.forEach(function (t) { Array.from(t.raw).forEach(function (c) { if (isUpper(c)) n++; else if (isLower(c)) no = true; }); });
    return n >= 2 && !no;
  }
  function slug(s) { return tokens(s).map(function (t) { return t.word; }).join("-"); }

  /* the language of queries */
  var fields = {
    topic: ["tenders", "outsourcing", "meetings", "awards", "papers", "deadlines", "consultations", "foi"], body: null, area: null, committee: null, thread: null,
    kind: ["notice", "meeting", "paper", "request", "page"], source: null, tier: ["certain", "likely", "mention"],
    stage: ["pipeline", "engagement", "planned", "tender", "tender_update", "intention", "award", "contract", "confirmation", "modification", "performance", "termination", "cancelled", "other"]
  };
  function key(field, v) { var s = slug(v); return fields[field] ? stem(s) : s; }
  function fact(field, v) { return {op: "fact", key: "\u00b7" + field + "\u00b7" + key(field, v).replace(/-/g, "\u00b7")}; }
  function parse(text) {
    var s = Array.from(text), p = 0;
    function isSpace(c) { return /[\s\u0085\p{Cc}]/u.test(c); }
    function quote(c) { return c === '"' || c === "\u201c" || c === "\u201d" || c === "\u201e"; }
    function minus(c) { return c === "-" || c === "\u2013" || c === "\u2212"; }
    function fail(why) { throw new Error(why); }
    function space() { while (p < s.length && isSpace(s[p])) p++; }
    function peek(stop) {
      var i = p, out = "";
      while (i < s.length && !isSpace(s[i]) && s[i] !== "(" && s[i] !== ")" && !quote(s[i]) && stop.indexOf(s[i]) < 0) out += s[i++];
      return out;
    }
    function is(word) { return peek("").normalize("NFKC") === word; }
    function operator(word) { if (!is(word)) return false; p += Array.from(peek("")).length; return true; }
    function any() {
      var kids = [];
      for (;;) {
        var n = all(), or = operator("OR");
        if (!n && (or || kids.length)) fail("a word is missing beside OR");
        if (n) kids.push(n);
        if (!or) return kids.length < 2 ? kids[0] || null : {op: "any", kids: kids};
      }
    }
    function all() {
      var kids = [];
      for (;;) {
        space();
        if (p >= s.length || s[p] === ")" || is("OR")) return kids.length < 2 ? kids[0] || null : {op: "all", kids: kids};
        if (operator("AND") || operator("&")) continue;
        kids.push(one(0));
      }
    }
    function one(depth) {
      if (depth > 30) fail("too many brackets and minus signs");
      var c = s[p], n;
      if (minus(c) || is("NOT")) {
        if (minus(c)) p++; else { operator("NOT"); space(); }
        if (p >= s.length || isSpace(s[p]) || s[p] === ")") fail("a word is missing after the minus sign");
        n = one(depth + 1);
        return n.op === "not" ? n.kids[0] : {op: "not", kids: [n]};
      }
      if (c === "(") {
        p++; n = any();
        if (p >= s.length) fail('a ")" is missing');
        p++;
        return n || fail("a word is missing between the brackets");
      }
      if (c === ")") fail('a ")" closes nothing');
      if (quote(c)) return words(quoted(), true);
      var run = peek(""), at = run.indexOf(":"), name = run.slice(0, at);
      if (at > 0 && /^\p{L}+$/u.test(name)) return field(name.toLowerCase());
      p += Array.from(run).length;
      return words(run, false);
    }
    function quoted() {
      var out = "";
      for (p++; p < s.length; p++) { if (quote(s[p])) { p++; return out; } out += s[p]; }
      fail("the closing quotation mark is missing");
    }
    function words(text, exact) {
      var ts = tokens(text);
      if (!ts.length) fail("letters or digits are missing");
      var mode = exact ? "exact" : shouting(ts) ? "capitals" : "stems";
      return {op: "words", mode: mode, terms: ts.map(function (t) { return {stem: t.stem, word: mode === "capitals" ? t.raw : t.word}; })};
    }
    function field(name) {
      if (!(name in fields)) fail("there is no field " + name);
      p += name.length;
      var kids = [];
      for (;;) {
        p++; space();
        var v;
        if (p < s.length && quote(s[p])) v = quoted(); else { v = peek(","); p += Array.from(v).length; }
        if (!slug(v)) fail("a value is missing after " + name + ":");
        if (fields[name] && !fields[name].some(function (k) { return key(name, k) === key(name, v); })) fail(name + ": is one of " + fields[name].join(", "));
        kids.push(fact(name, v));
        var back = p; space();
        if (p >= s.length || s[p] !== ",") { p = back; return kids.length < 2 ? kids[0] : {op: "any", kids: kids}; }
      }
    }
    var n = any();
    if (p < s.length) fail('a ")" closes nothing');
    return n;
  }

  /* the index */
  var digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", value = {};
  for (var d = 0; d < 64; d++) value[digits[d]] = d;
  function reader(text) {
    var i = 0;
    return {more: function () { return i < text.length; }, next: function () {
      var n = 0, m = 1, v;
      do { v = value[text[i++]]; n += (v & 31) * m; m *= 32; } while (v & 32);
      return n;
    }};
  }
  function hash(text, n) {
    var h = 0x811c9dc5;
    new TextEncoder().encode(text).forEach(function (b) { h = Math.imul(h ^ b, 0x01000193); });
    return (h >>> 0) & (n - 1);
  }
  /* load gives what a file registers, undefined if there is none */
  function load(what, name, file) {
    var id = what + " " + name;
    if (!loaded[id]) loaded[id] = new Promise(function (done) {
      if (id in got) return done(got[id]);
      waiting[id] = done;
      var e = document.createElement("script");
      e.src = file;
      e.onerror = function () { delete loaded[id]; done(undefined); };
      document.head.appendChild(e);
    });
    return loaded[id];
  }
  function shard(part, k) {
    var id = hash(k, part[1]).toString(16);
    return load("words", part[0] + "/" + id, "search/" + part[0] + "/" + id + ".js").then(function (m) {
      if (m === undefined) throw new Error("a file of the index is missing: search/" + part[0] + "/" + id + ".js");
      return Object.prototype.hasOwnProperty.call(m, k) ? m[k] : null;
    });
  }
  function fits(mode, variant, t) {
    if (mode === "exact") return small(variant) === t.word;
    if (mode === "capitals") return t.word === "&" ? small(variant) === "and" : variant === t.word || variant === t.word + "s";
    return true;
  }
  /* where a term stands: positions by place */
  function term(part, mode, t) {
    return shard(part, t.stem).then(function (words) {
      var out = new Map();
      Object.keys(words || {}).forEach(function (w) {
        if (!fits(mode, w, t)) return;
        var r = reader(words[w]), place = 0;
        while (r.more()) {
          place += r.next();
          var n = r.next(), at = 0, set = out.get(place);
          if (!set) out.set(place, set = new Set());
          while (n--) { at += r.next(); set.add(at); }
        }
      });
      return out;
    });
  }
  function places(part, total, n) {
    if (n.op === "all" || n.op === "any") return Promise.all(n.kids.map(function (k) { return places(part, total, k); })).then(function (sets) {
      var out = new Set();
      if (n.op === "any") sets.forEach(function (s) { s.forEach(function (x) { out.add(x); }); });
      else sets[0].forEach(function (x) { if (sets.every(function (s) { return s.has(x); })) out.add(x); });
      return out;
    });
    if (n.op === "not") return places(part, total, n.kids[0]).then(function (s) {
      var out = new Set();
      for (var i = 0; i < total; i++) if (!s.has(i)) out.add(i);
      return out;
    });
    if (n.op === "fact") return shard(part, n.key).then(function (text) {
      var out = new Set(), r = reader(text || ""), place = 0;
      while (r.more()) out.add(place += r.next());
      return out;
    });
    return Promise.all(n.terms.map(function (t) { return term(part, n.mode, t); })).then(function (ms) {
      var out = new Set();
      ms[0].forEach(function (set, place) {
        for (var at of set) {
          if (ms.every(function (m, i) { var s = m.get(place); return s && s.has(at + i); })) { out.add(place); return; }
        }
      });
      return out;
    });
  }
  /* the items of a part in which a query fits: number, day and places */
  function search(part, place, n, from, to) {
    return load("part", part[0], "search/" + part[0] + "/part.js").then(function (meta) {
      if (!meta) throw new Error("a file of the index is missing: search/" + part[0] + "/part.js");
      var counts = reader(meta[0]), days = reader(meta[1]), seconds = reader(meta[2]), items = [], total = 0, day = 0;
      while (counts.more()) {
        var c = counts.next(), step = days.next();
        day += step & 1 ? -(step + 1) / 2 : step / 2;
        items.push({part: part[0], at: (day - 1) * 86400 + seconds.next(), place: place, n: items.length, day: day, first: total, count: c, places: []});
        total += c;
      }
      return (n ? places(part, total, n) : Promise.resolve(null)).then(function (set) {
        return items.filter(function (it) {
          if (from !== null && it.day < from || to !== null && it.day > to) return false;
          if (!set) return true;
          for (var i = 0; i < it.count; i++) if (set.has(it.first + i)) it.places.push(i);
          return it.places.length > 0;
        });
      });
    });
  }
  function ask(text, want) {
    var n = text.trim() ? parse(text) : null, kids = n ? [n] : [];
    ["kind", "body", "topic", "source"].forEach(function (f) { if (want[f]) kids.push(fact(f, want[f])); });
    n = kids.length > 1 ? {op: "all", kids: kids} : kids[0] || null;
    var parts = got["parts "] || [];
    return Promise.all(parts.map(function (p, i) { return search(p, i, n, want.from, want.to); })).then(function (all) {
      var out = [].concat.apply([], all);
      /* the newest first; of the same moment, what came last */
      out.sort(function (a, b) { return b.at - a.at || b.place - a.place || b.n - a.n; });
      return out;
    });
  }
  function row(hit) {
    var f = Math.floor(hit.n / 100);
    return load("items", hit.part + "/" + f, "search/" + hit.part + "/items-" + f + ".js").then(function (rows) { return rows && rows[hit.n % 100]; });
  }

  function register(what, name, v) {
    var id = what + " " + name;
    got[id] = v;
    if (waiting[id]) { waiting[id](v); delete waiting[id]; }
  }
  register.tokens = tokens; register.parse = parse; register.ask = ask; register.row = row;

  /* the page */
  if (typeof document === "undefined") return register;
  function byID(id) { return document.getElementById(id); }
  function put(tag, text, into) { var e = document.createElement(tag); if (text) e.textContent = text; into.appendChild(e); return e; }
  function day(v) { return v ? Math.floor(Date.parse(v + "T00:00:00Z") / 86400000) : null; }
  function date(n) { return new Date(n * 86400000).toLocaleDateString("en-GB", {day: "numeric", month: "long", year: "numeric", timeZone: "UTC"}); }
  var asked = 0;
  function show(hits, from) {
    var out = byID("found");
    if (from === 0) { out.textContent = ""; put("h2", hits.length === 0 ? "Nothing fits" : hits.length === 1 ? "1 item fits" : hits.length + " items fit", out); put("ul", "", out).className = "list"; }
    var list = out.querySelector("ul"), mine = asked;
    return Promise.all(hits.slice(from, from + 20).map(row)).then(function (rows) {
      if (mine !== asked) return;
      rows.forEach(function (r, i) {
        if (!r) return;
        var hit = hits[from + i], li = put("li", "", list);
        put("a", r[1] || "Without a title", li).href = r[0];
        put("span", " " + [r[2], r[3], date(hit.day)].filter(Boolean).join(" \u00b7 "), li).className = "meta";
        var at = hit.places.map(function (n) { return r[4][n]; }).filter(Boolean);
        at.slice(0, 3).forEach(function (s) {
          var p = put("p", "", li), name = (s[0] || "Without a title") + (s[1] ? ", page " + s[1] : "");
          p.className = "meta";
          if (s[2]) put("a", name, p).href = s[2]; else p.textContent = name;
        });
        if (at.length > 3) put("p", "and in " + (at.length - 3) + " more places of it", li).className = "meta";
      });
      var old = byID("more");
      if (old) old.remove();
      if (hits.length > from + 20) {
        var b = put("button", "Show more", out);
        b.type = "button"; b.id = "more";
        b.onclick = function () { show(hits, from + 20); };
      }
      if (from === 0 && typeof performance === "object" && performance.mark) performance.mark("found"); // for whoever measures
      document.body.setAttribute("data-found", String(hits.length));
    });
  }
  function go() {
    var out = byID("found"), mine = ++asked;
    document.body.removeAttribute("data-found");
    out.textContent = "Searching\u2026";
    Promise.resolve().then(function () {
      return ask(byID("q").value, {kind: byID("kind").value, body: byID("body").value, from: day(byID("from").value), to: day(byID("to").value)});
    }).then(function (hits) { if (mine === asked) return show(hits, 0); }).catch(function (e) {
      if (mine === asked) { out.textContent = ""; put("p", "This search does not work: " + e.message + ".", out); document.body.setAttribute("data-found", "error"); }
    });
  }
  function begin() {
    var form = byID("search");
    if (!form) return;
    form.hidden = false;
    byID("go").onclick = go;
    form.addEventListener("keydown", function (e) { if (e.key === "Enter" && e.target.tagName === "INPUT") go(); });
    var q = new URLSearchParams(location.search);
    ["q", "kind", "body", "from", "to"].forEach(function (n) { if (q.get(n)) byID(n).value = q.get(n); });
    if (["q", "kind", "body", "from", "to"].some(function (n) { return q.get(n); })) go();
  }
  document.addEventListener("DOMContentLoaded", begin);
  return register;
})();
