package document

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong, and where.
type Fault struct {
	File      string
	Line, Col int
	What      string
}

func (f Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.What
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Col, f.What)
}

// Faults is everything that is wrong.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}
