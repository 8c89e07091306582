package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"tallyd/cmd/tallyd/config"
	"tallyd/cmd/tallyd/factcsv"
	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

const (
	// batchRows is how many rows go to the daemon at once: it answers within the time
	// for which a command waits even where each takes the disk a while.
	batchRows = 200
	// batchBytes keeps a batch below what the daemon reads.
	batchBytes = 512 << 10
)

// importing takes the rows of a table to the daemon.
type importing struct {
	table    *factcsv.Reader
	daemon   *client.Client // nil: nothing is imported
	stderr   io.Writer
	counting *counting

	batch  []*factcsv.Row
	bytes  int
	faults config.Faults // of rows that were read, but not told yet

	sound, stored, known, bad int
}

func (in *importing) run(ctx context.Context) error {
	defer in.counting.done()
	for {
		x := in.table.Next()
		if x == nil {
			return in.flush(ctx)
		}
		if err := ctx.Err(); err != nil {
			in.tell()
			return err
		}
		if err := in.add(ctx, x); err != nil {
			return err
		}
	}
}

// add takes a row, which goes with others.
func (in *importing) add(ctx context.Context, x *factcsv.Row) error {
	if len(x.Faults) > 0 {
		in.bad++
		if in.faults = append(in.faults, x.Faults...); len(in.faults) < batchRows {
			return nil
		}
		return in.flush(ctx)
	}
	in.sound++
	b, err := json.Marshal(&x.Fact)
	if err != nil {
		return err
	}
	if in.bytes+len(b) > batchBytes {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	in.batch, in.bytes = append(in.batch, x), in.bytes+len(b)
	if len(in.batch) < batchRows {
		return nil
	}
	return in.flush(ctx)
}

// flush has the daemon store what waits, and tells what is wrong.
func (in *importing) flush(ctx context.Context) error {
	err := in.feed(ctx)
	in.tell()
	in.batch, in.bytes = nil, 0
	return err
}

func (in *importing) feed(ctx context.Context) error {
	n := len(in.batch)
	if in.daemon == nil || n == 0 {
		in.counting.add(n)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	facts := make([]api.Fact, n)
	for i, x := range in.batch {
		facts[i] = x.Fact
	}
	answers, err := in.daemon.Feed(ctx, facts)
	if err != nil {
		return err
	}
	for i := range answers {
		switch a := &answers[i]; {
		case a.Duplicate:
			in.known++
		case a.Stored:
			in.stored++
		default:
			in.bad++
			why := in.batch[i].Fault(a.Error)
			if a.Retry {
				why.What += "; it may be later: import it again"
			}
			in.faults = append(in.faults, why)
		}
	}
	in.counting.add(n)
	return nil
}

// tell says what is wrong with rows, in their order.
func (in *importing) tell() {
	if len(in.faults) == 0 {
		return
	}
	in.counting.done()
	fmt.Fprintln(in.stderr, in.faults.InOrder())
	in.faults = nil
}
