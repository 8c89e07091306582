package main

import (
	"fmt"
	"io"
	"time"
)

// counting says on a terminal how many there are so far of what is written
// elsewhere.
type counting struct {
	out         io.Writer
	what        string
	n           int
	shown       time.Time
	interactive bool
}

// newCounting counts what is written into a file, or to stdout if there is none.
func newCounting(stderr, stdout io.Writer, file, what string) *counting {
	return &counting{out: stderr, what: what, shown: time.Now(), interactive: isTerminal(stderr) && (file != "" || !isTerminal(stdout))}
}

func (p *counting) add(n int) {
	p.n += n
	if p.interactive && time.Since(p.shown) > 200*time.Millisecond {
		p.shown = time.Now()
		fmt.Fprintf(p.out, "\r%d %s", p.n, p.what)
	}
}

func (p *counting) done() {
	if p.interactive {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
