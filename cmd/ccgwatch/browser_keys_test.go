package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// key presses keys, one after the other.
func (b *browser) key(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// A focus is what would hear the next key.
type focus struct {
	Element string // as HTML, shortened
	Fits    bool   // it is what is looked for
	Seen    bool   // it is on the screen and marked as focused
	Body    bool   // nothing of the page
}

// focused looks at it. A mark is an outline that the element has now: the style
// sheet gives it to :focus-visible alone.
func (b *browser) focused(selector string) focus {
	b.t.Helper()
	script := fmt.Sprintf(`(() => {
		const x = document.activeElement, box = x.getBoundingClientRect(), style = getComputedStyle(x);
		const marked = x.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
		const on = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth && box.width > 0;
		return {Element: x.outerHTML.slice(0, 200), Fits: x.matches(%q), Seen: marked && on, Body: x === document.body || x === document.documentElement};
	})()`, selector)
	return evaluate[focus](b, script)
}

// tabTo presses Tab until what is looked for has the focus. On the way each
// stop must be seen, and none may keep the focus.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	last := ""
	for range 250 {
		b.key(kb.Tab)
		f := b.focused(selector)
		switch {
		case f.Fits && f.Seen:
			return
		case f.Body:
			last = ""
			continue
		case !f.Seen:
			b.t.Fatalf("on the way to %s the focus cannot be seen at %s", selector, f.Element)
		case f.Element == last && strings.Contains(f.Element, "<button"):
			b.t.Fatalf("on the way to %s the focus stays at %s", selector, f.Element)
		}
		last = f.Element
	}
	b.t.Fatalf("Tab never comes to %s", selector)
}

// enter presses a key on what has the focus and waits for the page it leads to.
func (b *browser) enter(keys, heading string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](`document.documentElement.dataset.old = "1", true`)(ctx, tab)
		return err
	}))
	b.key(keys)
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	got, err := chromedp.Run(ctx, func(ctx context.Context, tab *chromedp.Target) (string, error) {
		if _, err := chromedp.WaitVisible(chromedp.CSS("html:not([data-old]) footer"))(ctx, tab); err != nil {
			return "", err
		}
		return chromedp.Text(chromedp.CSS("h1"))(ctx, tab)
	})
	if err != nil || !strings.HasPrefix(got, heading) {
		b.t.Fatalf("Enter leads to %q (%v), not %q:\n%s", got, err, heading, evaluate[string](b, `document.querySelector("main").innerText`))
	}
}

// Somebody who has a keyboard and nothing else finds out what is urgent, reads
// the page that is quoted, searches, signs up, changes what they get and leaves,
// with scripts off, on a small screen and at a desk.
func TestBrowserWithTheKeyboardAlone(t *testing.T) {
	b := openBrowser(t)
	a, base, wait := sampleTown(t)
	now := townStart().Add(demoWeeks)
	later := func(d time.Duration) { wait(d); now = now.Add(d) }
	known := map[string]bool{}
	if files, err := outboxFiles(a.data); err == nil {
		for _, f := range files {
			known[f] = true
		}
	}
	for _, width := range widths() {
		address := fmt.Sprintf("keys%d@example.net", width)
		b.do(chromedp.EmulateViewport(width, 800))
		b.scripts(false)

		b.open("start", base+"/", 200)
		b.tabTo(".skip") // the first stop leads past the menu
		b.key(kb.Enter)
		b.tabTo("main a")
		if f := b.focused("main .list li:first-of-type a"); !f.Fits {
			t.Fatalf("behind the menu comes %s and not what closes soonest", f.Element)
		}
		b.enter(kb.Enter, "Community audiology service")

		// A sentence of a paper, the page that it stands on, and the next one.
		b.open("findings", base+"/findings", 200)
		b.tabTo("#q")
		b.key("pathology insourcing OR insourcing")
		b.enter(kb.Enter, "What we found")
		b.tabTo(`figcaption a[href^="/paper"]`)
		b.enter(kb.Enter, "Board pack")
		if found := evaluate[string](b, `document.querySelector(".found").innerText`); !strings.Contains(found, "Found here") {
			t.Errorf("the page does not show what was found: %s", found)
		}
		b.tabTo(`a[rel="prev"], a[rel="next"]`)
		b.enter(kb.Enter, "Board pack")
		b.open("numbers", base+"/numbers", 200)
		b.tabTo("summary")
		b.key(" ")
		if open := evaluate[bool](b, `document.querySelector("details").open && document.querySelector("details table").getBoundingClientRect().height > 20`); !open {
			t.Error("the table behind a chart does not open")
		}

		// Signing up: boxes are ticked with the space bar.
		b.tabTo(`footer a[href="/subscribe"]`)
		b.enter(kb.Enter, "Get it by mail")
		b.tabTo(`input[name=topic][value=outsourcing]`)
		b.key(" ")
		b.tabTo("#any")
		b.key("ophthalmology audiology")
		b.tabTo("#address")
		b.key(address)
		b.tabTo("#agree")
		b.key(" ")
		later(time.Minute)
		b.tabTo("#signup")
		b.enter(kb.Enter, "Look into your mail")
		b.open("confirm", base+mailed(t, a, now, known, "/c/"), 200)
		b.tabTo("#confirm button")
		b.enter(" ", "You are subscribed")

		b.tabTo(`main a[href="/manage"]`)
		b.enter(kb.Enter, "Your subscriptions")
		later(time.Minute)
		b.tabTo("#address")
		b.key(address)
		b.tabTo("#asklink button")
		b.enter(kb.Enter, "Look into your mail")
		b.open("manage", base+mailed(t, a, now, known, "/m/"), 200)
		b.tabTo("section a")
		b.enter(kb.Enter, "Change a subscription")
		b.tabTo("#often-weekly")
		b.key(kb.ArrowUp)
		b.tabTo("#save")
		b.enter(kb.Enter, "Your subscriptions")

		subs, err := a.store.Of(t.Context(), address)
		if err != nil || len(subs) != 1 || string(subs[0].State) != "confirmed" || subs[0].Often == "weekly" {
			t.Fatalf("%v %+v", err, subs)
		}
		leave, _ := a.links.Unsubscribe(subs[0].ID)
		b.open("leave", base+strings.TrimPrefix(leave, a.cfg.Group.URL), 200)
		b.tabTo("form button")
		b.enter(kb.Enter, "You will get no more mails")
		b.scripts(true)
	}
}

// On every kind of page Tab comes to everything that can be used, each stop is
// seen, and after the last one the focus leaves the page.
func TestBrowserTabLeadsThroughEveryPage(t *testing.T) {
	b := openBrowser(t)
	a, base, _ := sampleTown(t)
	for _, width := range widths() {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, p := range pageKinds(t, a) {
			if width != widths()[0] && p.name != "start" && p.name != "paper" {
				continue // the order is that of the page, whatever its width
			}
			name := fmt.Sprintf("%s-%d", p.name, width)
			b.open(name, base+p.path, p.status)
			stops := evaluate[int](b, `(() => {
				const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(x => x.tabIndex >= 0 && x.checkVisibility() && !x.disabled && !x.closest(".trap"));
				const radios = new Set();
				return all.filter(x => x.type !== "radio" || !radios.has(x.name) && radios.add(x.name)).length;
			})()`)
			seen := 0
			for range stops + 1 {
				b.key(kb.Tab)
				f := b.focused("*")
				if f.Body {
					break
				}
				if seen++; !f.Seen {
					t.Errorf("%s: the focus cannot be seen at %s", name, f.Element)
					break
				}
			}
			if seen != stops {
				t.Errorf("%s: Tab comes to %d of %d things", name, seen, stops)
			}
		}
	}
}
