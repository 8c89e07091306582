package records

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine+10)
	var got []string
	faults, err := Lines(strings.NewReader("one\r\n\ntwo\nbad\n"+long+"\nthree"), func(n int, text string) error {
		if text == "bad" {
			return errors.New("is bad")
		}
		got = append(got, fmt.Sprint(n, text))
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"1one", "3two", "6three"}) {
		t.Fatal(got, err)
	}
	var told []string
	for _, f := range faults {
		told = append(told, f.In("log"))
	}
	want := []string{"log:4: is bad", fmt.Sprintf("log:5: %.40q… is longer than %d bytes", long, MaxLine)}
	if !slices.Equal(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
	if f := (Fault{File: "a.json", Text: "is none"}); f.In("folder") != "a.json: is none" {
		t.Error(f.In("folder"))
	}
}

// TestLinesForeign: a file that is something else is given up early, with the
// first lines of it as faults; one that is mostly right is not.
func TestLinesForeign(t *testing.T) {
	bad := func(int, string) error { return errors.New("bad") }
	for _, text := range []string{"", "\n\n", "x\n", strings.Repeat("x\n", 1_000_000), strings.Repeat("x", 3*MaxLine)} {
		read := &counting{r: strings.NewReader(text)}
		faults, err := Lines(read, bad)
		if !errors.Is(err, ErrForeign) || len(faults) > 5 || read.n > 4*MaxLine {
			t.Errorf("%.10q…: %v, %d faults, %d bytes read", text, err, len(faults), read.n)
		}
	}
	n := 0
	if faults, err := Lines(strings.NewReader("good\n"+strings.Repeat("x\n", maxFaults)), func(int, string) error {
		if n++; n > 1 {
			return errors.New("bad")
		}
		return nil
	}); err != nil || len(faults) != maxFaults {
		t.Error(err, len(faults))
	}
	if err := Foreign("no log"); !errors.Is(err, ErrForeign) || err.Error() != "no log" {
		t.Error(err)
	}
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// TestLinesCutOff: of a compressed file that is cut off, what came before counts.
func TestLinesCutOff(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for i := range 20_000 {
		fmt.Fprintln(z, i*i)
	}
	z.Close()
	in, err := gzip.NewReader(bytes.NewReader(b.Bytes()[:b.Len()/2]))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	faults, err := Lines(in, func(int, string) error { n++; return nil })
	if err != nil || n < 1000 || len(faults) != 1 || !strings.Contains(faults[0].Text, "cut off") || faults[0].Line != n {
		t.Error(n, faults, err)
	}
}

// TestRows: quotes inside quotes are forgiven, and a quote that never ends ends
// with its line.
func TestRows(t *testing.T) {
	var got []string
	faults, err := Rows(strings.NewReader("a,\"b \"\"c\"\"\",\"d\"\n\"x \"y\" z\",1\n\"never ends\nafter,\"it\"\n"), func(n int, row []string) error {
		got = append(got, fmt.Sprintf("%d %d %s", n, len(row), strings.Join(row, "|")))
		return nil
	})
	want := []string{`1 3 a|b "c"|d`, `2 2 x "y" z|1`, "3 1 never ends\n", "4 2 after|it"}
	if err != nil || len(faults) > 0 || !slices.Equal(got, want) {
		t.Errorf("%q, want %q (%v %v)", got, want, faults, err)
	}
}
