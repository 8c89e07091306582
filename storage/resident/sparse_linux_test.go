package resident

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// work touches the program here and there.
func work(t *testing.T) {
	t.Helper()
	for i := range 50 {
		b, err := json.Marshal(map[string]any{"a": i, "b": []string{fmt.Sprint(i)}, "c": time.Unix(int64(i), 0)})
		var back map[string]any
		if err != nil || json.Unmarshal(b, &back) != nil || !regexp.MustCompile(`"a":[0-9]+`).Match(b) || strings.Count(string(b), "{") != 1 {
			t.Fatal(string(b), err)
		}
	}
}

// TestSparse: what is used of the program takes less than with the pages beside it, and
// the program goes on when they are given back again and again.
func TestSparse(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	used := func() int64 {
		t.Helper()
		if err := Program(); err != nil {
			t.Fatal(err)
		}
		work(t)
		n, err := Of(func(path string) bool { return path == program })
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		return n
	}
	used()
	before := used()
	if err := Sparse(); errors.Is(err, errors.ErrUnsupported) {
		t.Log(err) // the daemon goes on without it
		return
	} else if err != nil {
		t.Fatal(err)
	}
	after := used()
	t.Logf("%d kB of the program are resident, %d before", after>>10, before>>10)
	if after > before*3/4 {
		t.Errorf("%d kB of the program are resident, %d with the pages beside them", after>>10, before>>10)
	}
	for range 100 {
		used()
	}
}
