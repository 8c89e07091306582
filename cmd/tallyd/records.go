package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyd/connectors/asterisk/callrecords"
	"tallyd/connectors/asterisk/queuelog"
	freeswitchrecords "tallyd/connectors/freeswitch/callrecords"
	"tallyd/connectors/source/records"
)

// recordFiles are the switch's own records that verify is given.
type recordFiles struct{ queueLog, cdr, cel, jsonCDR, callcenter string }

// recordFile is one of them, read.
type recordFile struct {
	file string
	// readings is what it says; two, where its stamps may be in either of two zones
	// and nothing in it tells.
	readings []*records.Record
}

// kind is the kind of switch whose records they are: what the flags say, or "".
func (f *recordFiles) kind(sw, ami string) (string, error) {
	var kinds []string
	for _, x := range []struct{ kind, file string }{{kindAsterisk, f.queueLog}, {kindAsterisk, f.cel}, {kindAsterisk, ami}, {kindFreeSWITCH, f.jsonCDR}, {kindFreeSWITCH, f.callcenter}} {
		if x.file != "" && !slices.Contains(kinds, x.kind) {
			kinds = append(kinds, x.kind)
		}
	}
	switch {
	case *f == (recordFiles{}):
		return "", usage("verify: --queue-log, --cdr, --cel, --json-cdr or --callcenter is needed: what is to be compared")
	case len(kinds) > 1:
		return "", usage("verify: records of an Asterisk and of a FreeSWITCH are compared one after the other")
	case len(kinds) == 1 && (sw == kindAsterisk || sw == kindFreeSWITCH) && sw != kinds[0]:
		return "", usage("verify: these are records of %s, not of %s", kinds[0], sw)
	case len(kinds) == 1:
		return kinds[0], nil
	case sw == kindAsterisk || sw == kindFreeSWITCH:
		return sw, nil
	}
	return "", nil
}

// read reads all of them, and tells on stderr what is none.
func (f *recordFiles) read(kind string, zone *time.Location, stderr io.Writer) (out []*recordFile, err error) {
	type reader func(string, *time.Location) ([]*recordFile, error)
	for _, x := range []struct {
		file, kind string
		read       reader
	}{
		{f.queueLog, kindAsterisk, one(readQueueLog)},
		{f.cdr, kindAsterisk, one(callrecords.ReadCDR)},
		{f.cel, kindAsterisk, one(callrecords.ReadCEL)},
		{f.cdr, kindFreeSWITCH, one(freeswitchrecords.ReadCSV)},
		{f.jsonCDR, kindFreeSWITCH, readJSONCDR},
		{f.callcenter, kindFreeSWITCH, readLists},
	} {
		if x.file == "" || x.kind != kind {
			continue
		}
		list, err := x.read(x.file, zone)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			for _, fault := range r.readings[0].Faults {
				fmt.Fprintln(stderr, fault.In(x.file))
			}
		}
		out = append(out, list...)
	}
	return out, nil
}

// one makes a reader of files of a reader that gives one record.
func one(read func(io.Reader, *time.Location) (*records.Record, error)) func(string, *time.Location) ([]*recordFile, error) {
	return func(file string, zone *time.Location) ([]*recordFile, error) {
		r, err := readRecord(file, zone, read)
		return []*recordFile{r}, err
	}
}

// readLists reads the lists of mod_callcenter, which are two records.
func readLists(name string, _ *time.Location) (out []*recordFile, err error) {
	_, err = openRecord(name, nil, func(in io.Reader, _ *time.Location) (*records.Record, error) {
		list, err := freeswitchrecords.ReadLists(in)
		for _, rec := range list {
			out = append(out, &recordFile{name, []*records.Record{rec}})
		}
		if err != nil && len(list) > 0 {
			return list[0], err
		}
		return nil, err
	})
	return out, err
}

// readJSONCDR reads a folder of documents, or a file.
func readJSONCDR(name string, _ *time.Location) ([]*recordFile, error) {
	j := &freeswitchrecords.JSON{}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		rec, err := openRecord(name, nil, func(in io.Reader, _ *time.Location) (*records.Record, error) {
			if err := j.Read("", in); err != nil && !errors.Is(err, records.ErrForeign) {
				return nil, err
			}
			return j.Record()
		})
		return []*recordFile{{name, []*records.Record{rec}}}, err
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		file := filepath.Join(name, e.Name())
		_, err := openRecord(file, nil, func(in io.Reader, _ *time.Location) (*records.Record, error) { return nil, j.Read(e.Name(), in) })
		if err != nil {
			return nil, err
		}
	}
	rec, err := j.Record()
	if err != nil {
		return nil, foreign(name, rec, err)
	}
	return []*recordFile{{name, []*records.Record{rec}}}, nil
}

// readRecord reads one. A record in which nothing tells the zone of its stamps
// is read as of the zone that is configured, and as of UTC: whichever fits.
func readRecord(file string, zone *time.Location, read func(io.Reader, *time.Location) (*records.Record, error)) (*recordFile, error) {
	r := &recordFile{file: file}
	for _, z := range []*time.Location{zone, time.UTC} {
		rec, err := openRecord(file, z, read)
		if err != nil {
			return nil, err
		}
		if r.readings = append(r.readings, rec); !rec.Zoneless {
			break
		}
	}
	return r, nil
}

func openRecord(file string, zone *time.Location, read func(io.Reader, *time.Location) (*records.Record, error)) (*records.Record, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, err := decompress(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	rec, err := read(in, zone)
	switch {
	case errors.Is(err, records.ErrForeign):
		return nil, foreign(file, rec, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return rec, nil
}

// foreign says of a file that it is something else, and shows what it has
// instead.
func foreign(file string, rec *records.Record, err error) error {
	text := []string{fmt.Sprintf("%s: %v", file, err)}
	if rec != nil {
		for _, fault := range rec.Faults {
			text = append(text, fault.In(file))
		}
	}
	return notSo("%s", strings.Join(text, "\n  "))
}

func readQueueLog(in io.Reader, _ *time.Location) (*records.Record, error) {
	entries, faults, err := queuelog.Read(in)
	return queuelog.Record(entries, faults), err
}
