package alerts

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// PartOfSecret is how many bytes in a row of a secret are as good as all of it.
const PartOfSecret = 8

// Conceal puts stars for a secret in what a server said, however it is spelt, in
// capitals or not, and for what is left of it where the server cut it: at least so
// many bytes of it.
func Conceal(said string, least int, spelt ...string) string {
	heard, covered := lowerASCII(said), make([]bool, len(said))
	for _, s := range spelt {
		hidden := lowerASCII(s)
		n := min(least, len(hidden))
		for i := 0; n > 0 && i+n <= len(said); i++ {
			if !strings.Contains(hidden, heard[i:i+n]) {
				continue
			}
			for j := i; j < i+n; j++ {
				covered[j] = true
			}
		}
	}
	var out strings.Builder
	for i := range len(said) {
		switch {
		case !covered[i]:
			out.WriteByte(said[i])
		case i == 0 || !covered[i-1]:
			out.WriteString("***")
		}
	}
	return out.String()
}

// ConcealPassword puts stars for a password in what a server said, however the
// server, or whoever told it, had spelt it: as a quoted string, in base64, or with
// the name that logs in.
func ConcealPassword(said, username, password string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(password) // RFC 9051, 4.3
	inGo := func(s string) string { s = strconv.Quote(s); return s[1 : len(s)-1] }
	base64 := base64.StdEncoding.EncodeToString
	return Conceal(said, PartOfSecret, password, quoted, inGo(password), inGo(quoted), base64([]byte(password)), base64([]byte("\x00"+username+"\x00"+password)))
}

// lowerASCII leaves every byte in its place, which strings.ToLower does not.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
