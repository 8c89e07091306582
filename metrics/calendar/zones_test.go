package calendar

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"
)

// zones are all of the time zone database's that the Go toolchain brings along.
var zones = sync.OnceValues(func() ([]*time.Location, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var list []*time.Location
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		zone, err := time.LoadLocation(f.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, zone)
	}
	return list, nil
})

func allZones(t *testing.T) []*time.Location {
	t.Helper()
	list, err := zones()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 500 {
		t.Fatalf("there are only %d zones", len(list))
	}
	return list
}

// settings are the moments between two years at which a zone's clock is set,
// found without what is tested: by looking at it every day, and then closer.
func settings(zone *time.Location, from, to int) []time.Time {
	offset := func(sec int64) int {
		_, o := time.Unix(sec, 0).In(zone).Zone()
		return o
	}
	var list []time.Time
	at, end := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for ; at < end; at += daySeconds {
		lo, hi := at, at+daySeconds
		if offset(lo) == offset(hi) {
			continue
		}
		for hi-lo > 1 {
			if m := (lo + hi) / 2; offset(m) == offset(at) {
				lo = m
			} else {
				hi = m
			}
		}
		list = append(list, time.Unix(hi, 0).In(zone))
	}
	return list
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
