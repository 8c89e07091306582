package lab

import (
	"os"
	"path/filepath"
)

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
