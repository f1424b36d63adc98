package mail

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"ccgwatch/alerts"
)

// A DKIM signs messages in the name of the group's domain (RFC 6376), so that
// a receiver can tell them from forged ones. It is for groups whose relay does
// not sign; most do.
type DKIM struct {
	Domain   string // of the group's address: From is aligned with it
	Selector string
	key      *rsa.PrivateKey
}

// dkimBits is the length of the key: receivers refuse less than 1024, and many
// name servers do not hold more than 2048 in one record (RFC 8301).
const dkimBits = 2048

// NewDKIMKey makes a key, in PEM (PKCS #8). It is a secret.
func NewDKIMKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, dkimBits)
	if err != nil {
		return nil, fmt.Errorf("dkim: make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("dkim: make a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// NewDKIM reads a key. The selector is one label of a name, "ccgwatch".
func NewDKIM(domain, selector string, key []byte) (*DKIM, error) {
	if label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`); !label.MatchString(selector) {
		return nil, fmt.Errorf("dkim: selector %q: expected letters, digits and hyphens", selector)
	}
	if !strings.Contains(domain, ".") {
		return nil, fmt.Errorf("dkim: %q is no domain", domain)
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return nil, errors.New("dkim: the key is not in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return nil, errors.New("dkim: the key is neither PKCS #8 nor PKCS #1") // err may quote it
		}
	}
	k, ok := parsed.(*rsa.PrivateKey)
	if !ok || k.N.BitLen() < 1024 {
		return nil, errors.New("dkim: expected an RSA key of 1024 bits or more")
	}
	return &DKIM{Domain: domain, Selector: selector, key: k}, nil
}

// Record is what the domain's name server must say: the name, and the value of
// its TXT record.
func (d *DKIM) Record() (name, value string, err error) {
	der, err := x509.MarshalPKIXPublicKey(d.key.Public())
	if err != nil {
		return "", "", fmt.Errorf("dkim: %w", err)
	}
	return d.Selector + "._domainkey." + d.Domain, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), nil
}

// signed are the fields that a signature covers where they are there. From and
// Subject are named once more than they may stand, so that none can be added;
// the list fields must be covered for one-click to count (RFC 8058, 4).
func signed() []string {
	return []string{
		"From", "From", "Subject", "Subject", "To", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted", "Reply-To", "References",
	}
}

// Sign gives a message with its signature before it. All of the body is
// covered (no l=).
func (d *DKIM) Sign(raw []byte) ([]byte, error) {
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(raw), &dkim.SignOptions{
		Domain: d.Domain, Selector: d.Selector, Signer: d.key, Hash: crypto.SHA256, HeaderKeys: signed(),
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return nil, fmt.Errorf("dkim: sign: %w", err)
	}
	return out.Bytes(), nil
}

// Signing puts a signature on what compose makes. A signature names the moment
// it was made, so that two renderings of a letter differ in it; the one that is
// stored is the one that is sent.
func (d *DKIM) Signing(compose func(alerts.Letter) (alerts.Message, error)) func(alerts.Letter) (alerts.Message, error) {
	return signing(d, compose)
}

// SigningService is Signing for service mails.
func (d *DKIM) SigningService(compose func(alerts.Service) (alerts.Message, error)) func(alerts.Service) (alerts.Message, error) {
	return signing(d, compose)
}

func signing[L any](d *DKIM, compose func(L) (alerts.Message, error)) func(L) (alerts.Message, error) {
	return func(l L) (alerts.Message, error) {
		m, err := compose(l)
		if err != nil {
			return m, err
		}
		m.Raw, err = d.Sign(m.Raw)
		return m, err
	}
}
