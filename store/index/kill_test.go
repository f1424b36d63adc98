package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store/bolt"
)

// killed is the environment variable that makes this binary the process that
// is killed: it indexes the store of the directory it works in.
const killed = "CCGWATCH_TEST_INDEX_KILLED"

func TestMain(m *testing.M) {
	if os.Getenv(killed) == "" {
		os.Exit(m.Run())
	}
	st, err := bolt.Open(".")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	o := Options{Ledger: st, Archive: st, Outbox: st, Follower: follower, Version: "test", Describe: describe, Facts: factsOf}
	fmt.Println("begun")
	for range 1000 {
		x, err := Open(File, o)
		for more := true; more && err == nil; {
			more, err = x.Step(context.Background())
		}
		if err == nil {
			err = x.Rebuild("so that there is always something to do")
		}
		if err == nil {
			err = x.Close()
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// A process killed at any moment of indexing leaves a file that goes on, or is
// made again, and in the end says what one that was never killed says.
func TestPromiseIndexSurvivesKills(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(21, 22))
	b.grow(r, 12)
	b.follow()
	want := b.contents()
	if err := b.index.Close(); err != nil {
		t.Fatal(err)
	}
	for n := range count(4, 40, 1000) {
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), killed+"=1")
		c.Dir = b.dir
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		begun := make([]byte, 5)
		if _, err := out.Read(begun); err != nil || string(begun) != "begun" {
			t.Fatalf("kill %d: the process did not begin: %q, %v", n, begun, err)
		}
		timer := time.NewTimer(time.Duration(r.IntN(120)) * time.Millisecond) // the moment of the kill is what is tried
		<-timer.C
		_ = c.Process.Kill()
		_ = c.Wait()
		if b.store, err = bolt.Open(b.dir); err != nil {
			t.Fatal(err)
		}
		b.o.Ledger, b.o.Archive, b.o.Outbox = b.store, b.store, b.store
		b.open()
		b.follow()
		if d := cmp.Diff(want, b.contents()); d != "" {
			t.Fatalf("kill %d: %s", n, d)
		}
		if err := b.index.Check(t.Context()); err != nil {
			t.Fatalf("kill %d: %v", n, err)
		}
		if err := b.index.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
