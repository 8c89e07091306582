package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

// askScores asks the daemon for scores.
func askScores(ctx context.Context, o scoreOptions, environ []string, stdout io.Writer) error {
	if o.recompute && o.cycle == "" {
		return usage("score: --recompute goes with --cycle")
	}
	daemon, done, err := o.open(ctx, environ)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var scores *client.Scores
	if o.seal {
		scores, err = daemon.Seal(ctx, o.scheme, o.from, o.to)
	} else {
		scores, err = daemon.Scores(ctx, client.ScoreQuery{Cycle: o.cycle, Scheme: o.scheme, From: o.from, To: o.to, Agent: o.agent, Role: o.role, Recompute: o.recompute})
	}
	if err != nil {
		return asked(err)
	}
	err = writeTo(o.output, stdout, func(out io.Writer) error {
		if o.json {
			return writeJSON(out, scores)
		}
		fmt.Fprintf(out, "%s, %s to %s, scheme version %s, %s\n", scores.Cycle, scores.Period.From, scores.Period.To, scores.Scheme.Version, sealedAt(scores.Sealed))
		if err := cardTable(out, scores.Cards); err != nil || scores.Recomputed != scores.SHA256 {
			return err
		}
		_, err := fmt.Fprintf(out, "\nformed again from what they were made of they are the same to the byte, sha256 %s\n", scores.SHA256)
		return err
	})
	if err == nil && o.recompute && scores.Recomputed != scores.SHA256 {
		err = notSo("score: formed again from what it was made of %s is %s, sealed %s: somebody was forgotten since, or it was sealed by an older program, which did not keep what it was made of", o.cycle, scores.Recomputed, scores.SHA256)
	}
	return err
}

func sealedAt(s *api.SealedNote) string {
	if s == nil {
		return "as it stands"
	}
	return fmt.Sprintf("revision %d, sealed at %s by %s", s.Revision, metrics.Millis(s.At).Time().Format(time.RFC3339), s.By)
}

// writeJSON writes a document as one line.
func writeJSON(out io.Writer, document any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(document)
}
