package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
)

var quiet = slog.New(slog.DiscardHandler)

// backUp writes a store's backup into a file.
func backUp(t testing.TB, s *Store) (file string, counts Counts) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "backup")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	counts, err = s.Backup(t.Context(), f, Head{Site: "hq", At: 7}, map[string][]byte{"caller.key": []byte("secret"), "another": nil})
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return file, counts
}

func TestBackup(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	load(t, s, 200)
	if _, err := s.Forget(t.Context(), Forgetting{Kind: ForgetAgent, Agent: leaver}); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.PutSealed(peopleSealed(200)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retain(t.Context(), 5, metrics.Interval(10).Start()); err != nil {
		t.Fatal(err)
	}
	file, counts := backUp(t, s)
	if want := (Counts{Rollups: 196 * 7, Contacts: 191 * 6, Seals: 196, Files: 2, Other: counts.Other}); counts != want {
		t.Errorf("counts are %+v, want %+v", counts, want)
	}
	info, err := VerifyBackup(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// What the format says of itself: head and sha256sum prove it.
	sum := sha256.Sum256(content[:len(content)-72])
	if want := "sha256 " + hex.EncodeToString(sum[:]) + "\n"; string(content[len(content)-72:]) != want {
		t.Errorf("it ends with %q, want %q", content[len(content)-72:], want)
	}
	if info.Counts != counts || info.Site != "hq" || info.At != 7 || info.StoreFormat != formatNumber || info.Bytes != int64(len(content)) || info.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("it says %+v", info)
	}
	if head := fmt.Sprintf("tallyd backup 1\n{\"site\":\"hq\",\"at_ms\":7,\"store_format\":%d}\n", formatNumber); !bytes.HasPrefix(content, []byte(head)) {
		t.Errorf("it begins with %q", content[:80])
	}

	dir := filepath.Join(t.TempDir(), "new")
	again, files, err := Restore(t.Context(), file, dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if *again != *info || len(files) != 2 || string(files["caller.key"]) != "secret" {
		t.Errorf("restored %+v, files %q", again, files)
	}
	r := open(t, Config{Dir: dir})
	if everything(t, r, same) != everything(t, s, same) {
		t.Error("the restored store shows something else")
	}
	list, err := s.Forgotten(t.Context())
	if list2, err2 := r.Forgotten(t.Context()); err != nil || err2 != nil || fmt.Sprint(list) != fmt.Sprint(list2) || len(list) != 1 {
		t.Errorf("forgotten are %+v, were %+v", list2, list)
	}
	// All records, seen or not, byte by byte.
	file2, _ := backUp(t, r)
	if content2, err := os.ReadFile(file2); err != nil || !bytes.Equal(content, content2) {
		t.Errorf("a backup of the restored store differs, error %v", err)
	}
	if _, _, err := Restore(t.Context(), file, dir, quiet); err == nil || err.Error() != fmt.Sprintf("folder %q is not empty", dir) {
		t.Errorf("restored over it: error is %v", err)
	}
}

// TestBackupOneMoment: what is stored while a backup is written is not in it,
// not even in part, and does not wait for it.
func TestBackupOneMoment(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for i := range metrics.Interval(3) {
		if err := s.PutSealed(victimSealed(i)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "backup")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	next := metrics.Interval(3)
	slow := writerFunc(func(b []byte) (int, error) {
		if next < 20 { // each write of the backup waits for one of the store
			if err := s.PutSealed(victimSealed(next)); err != nil {
				return 0, err
			}
			next++
		}
		return f.Write(b)
	})
	if _, err := s.Backup(t.Context(), slow, Head{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if next < 5 {
		t.Fatalf("only %d intervals were stored meanwhile", next-3)
	}
	dir := t.TempDir()
	if _, _, err := Restore(t.Context(), file, dir, quiet); err != nil {
		t.Fatal(err)
	}
	r := open(t, Config{Dir: dir})
	if n := checkWhole(t, r); n < 3 || n > 4 { // its first bytes are written before the moment
		t.Errorf("%d intervals are in the backup", n)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestBackupFaults: a file that is not a whole backup is refused, with the
// reason in one clause, and nothing is made of it.
func TestBackupFaults(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	load(t, s, 20)
	file, _ := backUp(t, s)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	resum := func(b []byte) []byte {
		sum := sha256.Sum256(b)
		return append(bytes.Clone(b), "sha256 "+hex.EncodeToString(sum[:])+"\n"...)
	}
	body := content[:len(content)-sumLine]
	faults := map[string]struct {
		content []byte
		says    string
	}{
		"empty":   {nil, "is not a backup of tallyd"},
		"foreign": {bytes.Repeat([]byte("<html>"), 1000), "is not a backup of tallyd"},
		"newer":   {resum(bytes.Replace(body, []byte("backup 1"), []byte("backup 2"), 1)), "is a backup of format 2, this program reads up to 1"},
		"newer store": {resum(bytes.Replace(body, fmt.Appendf(nil, `format":%d`, formatNumber), fmt.Appendf(nil, `format":%d`, formatNumber+1), 1)),
			fmt.Sprintf("is of a store of format %d, this program reads up to %d", formatNumber+1, formatNumber)},
		"no head":         {resum([]byte("tallyd backup 1\n")), "does not say what it is of"},
		"no frame":        {resum([]byte("tallyd backup 1\n{}\n")), "unexpected EOF"},
		"followed":        {resum(append(bytes.Clone(body), "more"...)), "something follows its end"},
		"only its number": {[]byte("tallyd backup 1\n"), "is cut off"},
		"no number":       {[]byte("tallyd backup x\n"), "is damaged at its beginning"},
		"half":            {content[:len(content)/2], "is cut off: it does not end with its checksum"},
		"a byte less":     {content[:len(content)-1], "is cut off: it does not end with its checksum"},
		"a byte more":     {append(bytes.Clone(content), 'x'), "is cut off: it does not end with its checksum"},
	}
	random := rand.New(rand.NewPCG(1, 9))
	for n := range 40 {
		b := bytes.Clone(content)
		at := random.IntN(len(b))
		b[at] ^= 1 << random.IntN(8)
		faults[fmt.Sprintf("a bit of byte %d, %d", at, n)] = struct {
			content []byte
			says    string
		}{b, ""}
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad")
			if err := os.WriteFile(bad, fault.content, 0o600); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "new")
			_, files, err := Restore(t.Context(), bad, dir, quiet)
			if !errors.Is(err, ErrNoBackup) || !strings.Contains(err.Error(), fault.says) || !strings.Contains(err.Error(), bad) || strings.Contains(err.Error(), "\n") || files != nil {
				t.Errorf("restored: error is %v, want %s", err, fault.says)
			}
			if _, err := VerifyBackup(t.Context(), bad); !errors.Is(err, ErrNoBackup) {
				t.Errorf("verified: error is %v", err)
			}
			if _, err := os.Stat(dir); err == nil && fault.says != "unexpected EOF" && fault.says != "something follows its end" {
				t.Error("the folder was made")
			}
		})
	}
	// The right checksum of wrong counts.
	var b bytes.Buffer
	w, err := newBackupWriter(&b, Head{})
	if err == nil {
		err = w.put([]byte("f12345678"), []byte("{}"))
		w.counts.Rollups++
	}
	if err = errors.Join(err, w.close()); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyBackup(t.Context(), wrong); !errors.Is(err, ErrNoBackup) || !strings.Contains(err.Error(), "Rollups:0") {
		t.Errorf("wrong counts: error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := VerifyBackup(ctx, file); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error is %v", err)
	}
	if _, err := s.Backup(ctx, io.Discard, Head{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error is %v", err)
	}
}

// TestBackupOfDamage: a store that has lost something says so also after it was
// backed up and restored, and a damaged file that is in use is not passed over.
func TestBackupOfDamage(t *testing.T) {
	dir := smallFolder(t, 60)
	index, err := readIndex(theTable(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Dir: dir})
	b := index.blocks[len(index.blocks)/2]
	flip(t, theTable(t, dir), b.at+b.length/2)
	if _, err := s.Backup(t.Context(), io.Discard, Head{}, nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), theTable(t, dir)) {
		t.Errorf("backed up over the damage: error is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir})
	file, _ := backUp(t, s)
	restored := t.TempDir()
	if _, files, err := Restore(t.Context(), file, restored, quiet); err != nil || len(files) != 2 {
		t.Fatalf("files %q, error %v", files, err)
	}
	r := open(t, Config{Dir: restored})
	for i := range metrics.Interval(60) {
		want, err := outcome(s, recently+i)
		got, err2 := outcome(r, recently+i)
		if err != nil || err2 != nil || got != want {
			t.Errorf("interval %d reads %s, did read %s, errors %v, %v", i, got, want, err2, err)
		}
	}
	if len(r.Damage()) != 1 {
		t.Errorf("damage: %q", r.Damage())
	}
}

// TestBackupMemory: neither a backup nor restoring one takes memory for what it
// carries.
func TestBackupMemory(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for i := range metrics.Interval(40) {
		if err := s.PutSealed(testSealed("fs1", i, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const most = 10 << 20
	took, written := int64(math.MaxInt64), int64(0)
	// The least of some backups is theirs: beside the others a compaction went on.
	for try := 0; try < 3 || try < 20 && took > most; try++ {
		if try > 0 {
			time.Sleep(200 * time.Millisecond)
		}
		runtime.GC()
		before, peak := heap(), int64(0)
		written = 0
		_, err := s.Backup(t.Context(), writerFunc(func(b []byte) (int, error) {
			peak = max(peak, heap())
			written += int64(len(b))
			return len(b), nil
		}), Head{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		took = min(took, peak-before)
	}
	u, err := s.Usage()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB in the store, %d MB in the backup, %d MB of heap more than before", u.Total()>>20, written>>20, took>>20)
	if took > most {
		t.Errorf("the backup of %d MB took %d MB", u.Total()>>20, took>>20)
	}
}
