package scrapers

import (
	"fmt"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// exampleshire lists its meetings on one page and each meeting's papers on another.
func exampleshire() crawl.Source {
	return crawl.Source{
		ID: "exampleshire", Name: "Exampleshire Hospitals: board papers", Base: "https://exampleshire.example",
		Kind: store.KindPaper, Whole: true,
		Plan: func(crawl.Visit) []crawl.Request {
			return []crawl.Request{{URL: "https://exampleshire.example/board", Parse: exampleshireMeetings}}
		},
	}
}

func exampleshireMeetings(p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	for _, a := range d.Find("ul.meetings a").EachIter() {
		p.Follow(crawl.Request{URL: p.Abs(a.AttrOr("href", "")), Parse: exampleshirePapers})
	}
	return nil
}

func exampleshirePapers(p *crawl.Page) error {
	d, err := p.HTML()
	if err != nil {
		return err
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return err
	}
	on, err := time.ParseInLocation("Monday 2 January 2006", strings.TrimSpace(d.Find("h1 time").Text()), london)
	if err != nil {
		return fmt.Errorf("meeting date: %w", err)
	}
	for _, a := range d.Find("a.paper").EachIter() {
		u := p.Abs(a.AttrOr("href", ""))
		key, title := "document"+strings.TrimPrefix(u, "https://exampleshire.example"), strings.TrimSpace(a.Text())
		p.Add(store.Item{
			Key: key, Kind: store.KindPaper, Title: title, URL: u,
			Fields:    map[string]string{store.FieldWhen: on.Format(time.RFC3339)},
			Documents: []store.Document{{Key: key, Title: title, URL: u, Role: store.RoleReport}},
		})
	}
	return nil
}
