package ocds

import (
	"bytes"
	"fmt"
)

// Splitting finds where values begin and end by their brackets and quotes
// alone, without recursion and without reading what is in them: a release that
// cannot be read is still told from its neighbours.

// A member is one key of an object with its unread value.
type member struct {
	key string
	raw []byte
}

// splitObject returns the members of the object that b holds, and nothing but
// it. With an error it returns those before the fault.
func splitObject(b []byte) ([]member, error) {
	var out []member
	err := split(b, '{', '}', func(i int) (int, error) {
		if b[i] != '"' {
			return 0, fmt.Errorf("%s where a key should be", quoted(string(b[i:i+1])))
		}
		end, err := skipValue(b, i)
		if err != nil {
			return 0, err
		}
		key, err := (&parser{b: b, i: i, f: &flags{}}).text()
		if err != nil {
			return 0, err
		}
		if i = skipSpace(b, end); i >= len(b) {
			return 0, errTruncated
		}
		if b[i] != ':' {
			return 0, fmt.Errorf("no colon after the key %s", quoted(key))
		}
		i = skipSpace(b, i+1)
		end, err = skipValue(b, i)
		if err == nil {
			out = append(out, member{key, b[i:end]})
		}
		return end, err
	})
	return out, err
}

// splitArray returns the unread elements of the array that b holds.
func splitArray(b []byte) ([][]byte, error) {
	var out [][]byte
	err := split(b, '[', ']', func(i int) (int, error) {
		end, err := skipValue(b, i)
		if err == nil {
			out = append(out, b[i:end])
		}
		return end, err
	})
	return out, err
}

// split walks over the elements of one container; each is given where an
// element begins and returns where it ends.
func split(b []byte, open, end byte, each func(int) (int, error)) error {
	i := skipSpace(b, 0)
	if i >= len(b) {
		return errTruncated
	}
	if b[i] != open {
		return fmt.Errorf("begins with %s", quoted(string(b[i:min(len(b), i+40)])))
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == end {
		return nothingAfter(b, i+1)
	}
	for {
		if i >= len(b) {
			return errTruncated
		}
		next, err := each(i)
		if err != nil {
			return err
		}
		switch i = skipSpace(b, next); {
		case i >= len(b):
			return errTruncated
		case b[i] == end:
			return nothingAfter(b, i+1)
		case b[i] != ',':
			return fmt.Errorf("%s where a comma should be", quoted(string(b[i:i+1])))
		}
		i = skipSpace(b, i+1)
	}
}

func nothingAfter(b []byte, i int) error {
	if i = skipSpace(b, i); i < len(b) {
		return fmt.Errorf("goes on after its end with %s", quoted(string(b[i:min(len(b), i+20)])))
	}
	return nil
}

// skipValue returns where the value that begins at i ends.
func skipValue(b []byte, i int) (int, error) {
	var open []byte // brackets waiting for their partners
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			if i = skipText(b, i); i < 0 {
				return 0, errTruncated
			}
		case '{', '[':
			open = append(open, c+2) // '{'+2 is '}', '['+2 is ']'
			i++
		case '}', ']':
			if len(open) == 0 {
				return 0, fmt.Errorf("%q where a value should be", c)
			}
			if open[len(open)-1] != c {
				return 0, fmt.Errorf("%q where %q should be", c, open[len(open)-1])
			}
			open = open[:len(open)-1]
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			if len(open) == 0 {
				return 0, fmt.Errorf("%q where a value should be", c)
			}
			i++
			continue
		default:
			i = skipScalar(b, i)
		}
		if len(open) == 0 {
			return i, nil
		}
	}
	return 0, errTruncated
}

// skipText returns where the string that begins at i ends, -1 if it does not.
func skipText(b []byte, i int) int {
	for i++; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		quote, slashes := i+n, 0
		for quote-slashes > i && b[quote-slashes-1] == '\\' {
			slashes++
		}
		i = quote + 1
		if slashes%2 == 0 { // an escaped backslash escapes no more
			return i
		}
	}
	return -1
}

// skipScalar returns where a run of anything but punctuation ends.
func skipScalar(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case '{', '}', '[', ']', ',', ':', '"', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
