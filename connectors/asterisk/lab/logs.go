package lab

import (
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"time"
)

// CELRow is one row of the channel event log, which knows the calls to the
// microsecond and nothing of queues.
type CELRow struct {
	Type, App, Data, ID string
	At                  time.Time
}

// ReadCEL reads what the lab's cel_custom.conf made.
func ReadCEL(in io.Reader) ([]CELRow, error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	all, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	var out []CELRow
	for _, c := range all {
		if len(c) < 10 {
			continue
		}
		at, err := time.ParseInLocation("2006-01-02 15:04:05.000000", c[1], time.UTC)
		if err != nil {
			return nil, err
		}
		out = append(out, CELRow{Type: c[0], App: c[6], Data: c[7], ID: c[8], At: at})
	}
	return out, nil
}

// Logs copies what the switch wrote down into a folder: queue_log, CDR, CEL.
func (a *Asterisk) Logs(folder string) error {
	for from, to := range map[string]string{"queue_log": "queue_log", "cdr-csv/Master.csv": "Master.csv", "cel-custom/Master.csv": "cel-Master.csv", "messages.log": "messages.log"} {
		b, err := os.ReadFile(filepath.Join(a.Dir("log"), from))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, to), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
