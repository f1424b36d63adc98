package alerts

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func links(t testing.TB, base string) Links {
	t.Helper()
	l, err := NewLinks(base, "alerts@example.org", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestUnsubscribe(t *testing.T) {
	token := links(t, "").Token("sub")
	if len(token) != 43 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Fatalf("token %q", token)
	}
	mailto := "mailto:alerts@example.org?subject=unsubscribe%20" + token
	for _, tt := range []struct{ base, https, page string }{
		{"", "", ""},
		{"http://127.0.0.1:8080", "", "http://127.0.0.1:8080/finding/f1"},
		{"https://watch.example.org", "https://watch.example.org/u/" + token, "https://watch.example.org/finding/f1"},
		{"https://example.org/watch/", "https://example.org/watch/u/" + token, "https://example.org/watch/finding/f1"},
	} {
		l := links(t, tt.base)
		if h, m := l.Unsubscribe("sub"); h != tt.https || m != mailto {
			t.Errorf("%q: %q, %q", tt.base, h, m)
		}
		if got := l.Finding("f1"); got != tt.page {
			t.Errorf("%q: %q", tt.base, got)
		}
	}
	if other := links(t, ""); other.Token("sub") != token || other.Token("sub2") == token {
		t.Error("a token is not a function of the secret and the subscription")
	}
	secret, err := NewLinks("", "alerts@example.org", bytes.Repeat([]byte{8}, 32))
	if err != nil || secret.Token("sub") == token {
		t.Error("another secret gives the same token")
	}
}

func TestVerify(t *testing.T) {
	l := links(t, "")
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprint("sub", i))
	}
	known := l.Tokens(ids)
	for _, id := range ids {
		if got, ok := known.Verify(l.Token(id)); !ok || got != id {
			t.Fatalf("%s: %q", id, got)
		}
	}
	good := l.Token("sub1")
	for _, bad := range []string{"", "sub1", good[:42], good + "A", strings.ToUpper(good), l.Token("sub1000"), " " + good} {
		if got, ok := known.Verify(bad); ok {
			t.Errorf("%q is taken for %s", bad, got)
		}
	}
}

func TestNewLinksRefuses(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	for _, tt := range []struct {
		base, email string
		secret      []byte
	}{
		{"", "alerts@example.org", secret[:31]},
		{"", "Group <alerts@example.org>", secret},
		{"", "nobody", secret},
		{"ftp://example.org", "alerts@example.org", secret},
		{"https://user@example.org", "alerts@example.org", secret},
		{"https://example.org/?x=1", "alerts@example.org", secret},
		{"example.org", "alerts@example.org", secret},
		{"https://", "alerts@example.org", secret},
	} {
		if _, err := NewLinks(tt.base, tt.email, tt.secret); err == nil {
			t.Errorf("%+v is accepted", tt)
		}
	}
}
