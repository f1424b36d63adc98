package inbox

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
)

// Bounds of what is looked at within a message. Reports have three parts; who
// sends ten thousand wants to keep somebody busy.
const (
	maxParts = 30
	maxPart  = 256 << 10 // bytes
)

// A report is what the parts of a multipart/report say (RFC 6522).
type report struct {
	dsn       bool
	failed    bool
	hardness  Hardness
	code      string
	complaint bool
	token     string // of the unsubscribe link of the message complained about
	delivery  string // whose mark that message carries
}

// report reads the parts in one pass and as far as they go: a part that breaks
// off ends the reading, and what was understood until then counts.
func (r *Reader) report(kind string, params map[string]string, body []byte) report {
	var out report
	if kind != "multipart/report" && kind != "multipart/mixed" || params["boundary"] == "" {
		return out
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	var quoted textproto.MIMEHeader
	for range maxParts {
		part, err := reader.NextRawPart()
		if err != nil {
			break
		}
		inner, _ := mediaType(part.Header.Get("Content-Type"))
		switch inner {
		case "message/delivery-status", "message/global-delivery-status":
			out.dsn = true
			r.status(limited(decoded(part), maxPart), &out)
		case "message/disposition-notification":
			out.dsn = true // read, deleted: no failure of ours
		case "message/feedback-report":
			fields, _ := head(append(limited(decoded(part), maxPart), "\r\n\r\n"...))
			kind := strings.ToLower(fields.Get("Feedback-Type"))
			out.complaint = kind != "not-spam" && kind != "virus"
			out.dsn = !out.complaint
		case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
			quoted, _ = head(append(limited(decoded(part), maxPart), "\r\n\r\n"...))
		}
	}
	if out.complaint && quoted != nil {
		for _, v := range quoted["List-Unsubscribe"] {
			if t := r.words.token.FindStringSubmatch(v); t != nil {
				one, _, _ := strings.Cut(t[1], ".") // any of them tells whose complaint it is
				out.token = first(out.token, one)
			}
		}
		id, _ := r.marks.Delivery(quoted.Get("Return-Path"))
		out.delivery = id
	}
	return out
}

func decoded(p *multipart.Part) io.Reader {
	switch strings.ToLower(p.Header.Get("Content-Transfer-Encoding")) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, p)
	case "quoted-printable":
		return quotedprintable.NewReader(p)
	}
	return p
}

// status reads the groups of fields of a delivery status (RFC 3464, 2.1): one
// about the message, then one for each recipient. We write to one at a time,
// so the worst of them is ours.
func (r *Reader) status(b []byte, out *report) {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	for range maxParts {
		b = bytes.TrimLeft(b, "\n")
		if len(b) == 0 {
			return
		}
		group, rest, _ := bytes.Cut(b, []byte("\n\n"))
		b = rest
		fields, _ := head(append(bytes.Clone(group), "\n\n"...))
		action := strings.ToLower(strings.TrimSpace(fields.Get("Action")))
		if !strings.HasPrefix(action, "failed") {
			continue
		}
		code := r.words.status.FindString(fields.Get("Status"))
		if said := r.words.status.FindString(fields.Get("Diagnostic-Code")); said != "" && said[0] != '2' && (code == "" || strings.HasSuffix(code, ".0.0") || code[0] == '2') {
			code = said // the general code of the reporting system, beside the other's own
		}
		h := hardness(code, fields.Get("Diagnostic-Code"))
		if !out.failed || harder(h, out.hardness) {
			out.failed, out.hardness, out.code = true, h, code
		}
	}
}

// hardness is what an enhanced status code (RFC 3463) tells of an address.
// What a code does not say is not guessed: soft.
func hardness(code, diagnostic string) Hardness {
	switch {
	case code == "5.1.1", code == "5.1.2", code == "5.1.3", code == "5.1.10", code == "5.2.1", code == "5.4.4":
		return Gone
	case strings.HasPrefix(code, "5.7."), strings.HasPrefix(code, "5.5."), strings.HasPrefix(code, "5.6."):
		return Ours // policy, protocol, what the message is made of
	case strings.HasPrefix(code, "4."), strings.HasPrefix(code, "5.2.2"), strings.HasPrefix(code, "5.2.3"), strings.HasPrefix(code, "5.3."), strings.HasPrefix(code, "5.4."):
		return Soft // it was tried for days; full; too large; routing
	case strings.HasPrefix(code, "5.1."), strings.HasPrefix(code, "5.2."):
		return Hard
	case code == "" && strings.Contains(strings.ToLower(diagnostic), "user unknown"):
		return Gone
	}
	return Soft
}

func harder(a, b Hardness) bool {
	rank := func(h Hardness) int {
		switch h {
		case Gone:
			return 3
		case Hard:
			return 2
		case Soft:
			return 1
		}
		return 0
	}
	return rank(a) > rank(b)
}
