// Package sourcetest helps to test connectors.
package sourcetest

import (
	"bytes"

	"tallyd/connectors/source"
)

// Journal is a journal in memory. What was flushed is what a crash would leave.
type Journal struct {
	// Every tells after how many appended records a checkpoint is wanted; 0: only
	// the first one.
	Every int

	state   []byte
	flushed [][]byte
	batch   [][]byte
	since   int
	// Checkpoints and Bytes are how many were given, and how much was appended.
	Checkpoints int
	Bytes       int
}

func (j *Journal) Append(record []byte) {
	if j.state == nil {
		return
	}
	j.batch = append(j.batch, bytes.Clone(record))
	j.Bytes += len(record)
	j.since++
}

func (j *Journal) Full() bool { return len(j.batch) >= 100 }

// Due never is: Rest always hands on.
func (j *Journal) Due(func()) {}

func (j *Journal) Rest() {
	j.flushed = append(j.flushed, j.batch...)
	j.batch = nil
}

func (j *Journal) Wanted() bool { return j.state == nil || j.Every > 0 && j.since >= j.Every }

func (j *Journal) Checkpoint(state []byte) {
	j.Rest()
	j.state, j.flushed, j.since = bytes.Clone(state), nil, 0
	j.Checkpoints++
}

// Kept is what a crash now would leave, and Left a journal that goes on from it.
func (j *Journal) Kept() source.Kept {
	records := j.flushed
	return source.Kept{State: j.state, Records: func(f func([]byte) error) error {
		for _, r := range records {
			if err := f(r); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Left is a journal that goes on from what a crash now would leave.
func (j *Journal) Left() *Journal {
	return &Journal{Every: j.Every, state: j.state, flushed: j.flushed[:len(j.flushed):len(j.flushed)], since: j.since}
}
