(function () {
  var form = document.getElementById("search"), out = document.getElementById("quick"), box = document.getElementById("q");
  if (!form || !out || !box || !window.fetch || !window.URLSearchParams || !window.FormData) return;
  var timer, last = box.value;
  function put(tag, text, into) { var e = document.createElement(tag); e.textContent = text; into.appendChild(e); return e; }
  function show(a) {
    out.textContent = "";
    out.hidden = false;
    put("p", a.note || (a.items === 1 ? "1 item fits" : a.items + " items fit"), out);
    var list = out.appendChild(document.createElement("ul"));
    a.hits.forEach(function (h) {
      var li = list.appendChild(document.createElement("li"));
      put("a", h.title, li).href = h.path;
      put("span", " " + h.about, li);
    });
  }
  box.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(function () {
      var q = box.value.trim();
      if (q === last) return;
      last = q;
      if (q.length < 3) { out.hidden = true; return; }
      fetch("/search.json?" + new URLSearchParams(new FormData(form))).then(function (r) { return r.ok ? r.json() : null; }).then(function (a) {
        if (a && box.value.trim() === q) show(a);
      }).catch(function () {});
    }, 300);
  });
})();
