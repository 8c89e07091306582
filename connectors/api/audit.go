package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// AuditFile is the audit log's name in the data folder.
const AuditFile = "audit.jsonl"

// The names of the tokens that the daemon makes itself.
const (
	internalName  = "internal"
	wallboardName = "wallboard"
)

// InternalAsker is the daemon itself, and the commands of who may read its folder.
func InternalAsker() Asker { return Asker{Name: internalName, Role: AdminRole} }

// WallboardAsker is any wallboard with the token that the daemon makes.
func WallboardAsker() Asker { return Asker{Name: wallboardName, Role: WallboardRole} }

// AuditEntry is one reading of personal data, or one feeding over HTTP.
type AuditEntry struct {
	At    time.Time `json:"at"`
	Who   string    `json:"who"` // the token's name
	Role  Role      `json:"role"`
	Via   string    `json:"via"` // nats, or http and the address
	What  Right     `json:"what"`
	Names []string  `json:"names,omitempty"` // of agents; none: all that the asker may see
	From  time.Time `json:"from,omitzero"`   // of the span, where one was named
	To    time.Time `json:"to,omitzero"`
}

// Audit writes down who read what about people.
type Audit struct {
	mu   sync.Mutex
	file *os.File
	path string
	size int64
	told error // the latest fault
}

const (
	// auditBytes is how long a file grows before the next is begun, of auditFiles
	// that are kept.
	auditBytes = 16 << 20
	auditFiles = 8
	// auditNames bounds the names in an entry.
	auditNames = 50
)

// OpenAudit opens the audit log of a data folder.
func OpenAudit(dir string) (*Audit, error) {
	a := &Audit{path: filepath.Join(dir, AuditFile)}
	return a, a.open()
}

func (a *Audit) open() error {
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	a.file, a.size = f, info.Size()
	return nil
}

// Note writes an entry. What cannot be written is told by Err: questions are
// answered all the same.
func (a *Audit) Note(e AuditEntry) {
	if len(e.Names) > auditNames {
		e.Names = append(e.Names[:auditNames:auditNames], fmt.Sprintf("and %d more", len(e.Names)-auditNames))
	}
	b, err := json.Marshal(e)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil && a.size+int64(len(b)) >= auditBytes {
		err = a.turn()
	}
	if err == nil && a.file == nil {
		err = a.open()
	}
	if err == nil {
		var n int
		n, err = a.file.Write(append(b, '\n'))
		a.size += int64(n)
	}
	a.told = err
}

// turn begins the next file.
func (a *Audit) turn() error {
	err := a.file.Close()
	a.file = nil
	for n := auditFiles - 1; n > 0; n-- {
		from := a.path
		if n > 1 {
			from = fmt.Sprintf("%s.%d", a.path, n-1)
		}
		if e := os.Rename(from, fmt.Sprintf("%s.%d", a.path, n)); e != nil && !os.IsNotExist(e) {
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, a.open())
}

// Err tells why the latest entry could not be written.
func (a *Audit) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told == nil {
		return nil
	}
	return fmt.Errorf("the audit log cannot be written, who reads what about people is not noted: %w", a.told)
}

// Close closes the log.
func (a *Audit) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

// audit notes that the asker read something about people.
func (v *View) audit(what Right, names []string, from, to time.Time) {
	if v.service.cfg.Audit == nil {
		return
	}
	if len(names) == 1 && names[0] == "" {
		names = nil
	}
	v.service.cfg.Audit(AuditEntry{At: v.service.Now().UTC(), Who: v.who.Name, Role: v.who.Role, Via: v.via, What: what, Names: names, From: from, To: to})
}

// SeenAgents notes that the asker reads agents' states from now on.
func (v *View) SeenAgents(names ...string) { v.audit(SeeAgents, names, time.Time{}, time.Time{}) }
