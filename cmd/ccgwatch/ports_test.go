package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// unusedPort is a port on loopback that nobody listens on, for a program that
// listens there in a while. It is below all that the system gives out by itself
// (Linux from 32768, others from 49152), so that no test running beside this one
// is given it meanwhile.
func unusedPort() (int, error) {
	var all error
	for range 100 {
		port := 10_000 + rand.IntN(22_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		all = errors.Join(all, err)
	}
	return 0, all
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := unusedPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
