package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
)

// certificateAdvice says what to do about a certificate that does not hold; nil: that
// is not what is wrong. section is the part of the settings with the host.
func certificateAdvice(err error, section string) []string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return []string{"nobody this machine trusts vouches for its certificate: is " + section + ".host the name your provider gives? Update the machine's certificates (ca-certificates)"}
	case errors.As(err, &name):
		return []string{"its certificate is for another name: set " + section + ".host to the name your provider gives, not to an alias or a number"}
	case errors.As(err, &invalid):
		return []string{"its certificate does not hold: check the machine's clock, then ask your provider"}
	}
	return nil
}

// hitchAdvice says what to do where a mail server gave no answer, by why: each reason
// has another remedy. nil: it was something else, as an answer.
func hitchAdvice(err error, section string) []string {
	if advice := certificateAdvice(err, section); advice != nil {
		return advice
	}
	var dns *net.DNSError
	var waited interface{ Timeout() bool }
	var noTLS tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return []string{"there is no host of that name: check " + section + ".host"}
	case errors.As(err, &dns):
		return []string{"names cannot be looked up now: check this machine's line and its name server"}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &waited) && waited.Timeout():
		return []string{"nothing is said against name and password: the server, or the line to it, is slow or something swallows what is sent. Look again in a while; then check " +
			section + ".host, " + section + ".port and " + section + ".tls"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return []string{"the host is there, and nothing listens on that port: check " + section + ".port, or ask whether the service is down"}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return []string{"there is no way to that host: check this machine's line"}
	case errors.As(err, &noTLS), errors.As(err, &alert), errors.Is(err, errNoTLS):
		return []string{"it speaks no TLS that we can speak: check " + section + ".port and " + section + ".tls"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return []string{"it hung up without an answer: check " + section + ".port and " + section + ".tls, and look again in a while"}
	}
	return nil
}
