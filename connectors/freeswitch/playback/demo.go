package playback

import (
	"bytes"
	_ "embed"
)

//go:generate go test -run TestDemoIsCurrent -rewrite .

// The demo is cut from a recording by demo_test.go, which says how.
var (
	//go:embed demo/demo.esl.zst
	demoEvents []byte
	//go:embed demo/demo.snapshot.txt
	demoSnapshot []byte
)

// Demo is six minutes of a call centre with three queues and eight agents, real
// calls of a laboratory, and its agents' table at the start. It may be looped.
func Demo() (*Recording, *Snapshot, error) {
	rec, err := Load(bytes.NewReader(demoEvents))
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := ReadSnapshot(bytes.NewReader(demoSnapshot))
	return rec, snapshot, err
}
