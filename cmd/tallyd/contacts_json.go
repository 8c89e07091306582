package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// contactsJSON writes one document, contact by contact.
type contactsJSON struct {
	out      io.Writer
	site     string
	from, to time.Time
	begun    bool
	line     bytes.Buffer
}

func (x *contactsJSON) begin() error {
	x.begun = true
	site, err := json.Marshal(x.site)
	if err != nil {
		return err
	}
	from, err := json.Marshal(api.Moment(metrics.MillisOf(x.from)))
	if err != nil {
		return err
	}
	to, err := json.Marshal(api.Moment(metrics.MillisOf(x.to)))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(x.out, `{"v":%d,"site":%s,"from":%s,"to":%s,"contacts":[`, api.Schema, site, from, to)
	return err
}

func (x *contactsJSON) write(c *api.Contact) error {
	x.line.Reset()
	if x.begun {
		x.line.WriteByte(',')
	} else if err := x.begin(); err != nil {
		return err
	}
	x.line.WriteByte('\n')
	e := json.NewEncoder(&x.line)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return err
	}
	x.line.Truncate(x.line.Len() - 1)
	_, err := x.out.Write(x.line.Bytes())
	return err
}

func (x *contactsJSON) end(complete api.Moment) error {
	if !x.begun {
		if err := x.begin(); err != nil {
			return err
		}
	}
	until, err := json.Marshal(complete)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(x.out, "],\n\"complete_until\":%s}\n", until)
	return err
}
