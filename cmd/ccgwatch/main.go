package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // London's clock, also where the host has no zone files
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
