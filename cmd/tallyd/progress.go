package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress reads a file and, on a terminal, shows how far it has come.
type progress struct {
	name        string
	file        *os.File
	size, read  int64
	shown       time.Time
	out         io.Writer
	interactive bool
}

func newProgress(name string, f *os.File, out io.Writer) *progress {
	p := &progress{name: name, file: f, out: out, shown: time.Now()}
	if st, err := f.Stat(); err == nil {
		p.size = st.Size()
	}
	if t, ok := out.(*os.File); ok {
		p.interactive = term.IsTerminal(int(t.Fd()))
	}
	return p
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	p.read += int64(n)
	if p.interactive && p.size > 0 && time.Since(p.shown) > 200*time.Millisecond {
		p.shown = time.Now()
		const width = 30
		full := int(width * p.read / p.size)
		fmt.Fprintf(p.out, "\r%s [%-*s] %3d %%", p.name, width, "=============================="[:min(full, width)], 100*p.read/p.size)
	}
	return n, err
}

func (p *progress) done() {
	if p.interactive {
		fmt.Fprintf(p.out, "\r\x1b[K")
	}
}
