package main

import (
	"fmt"
)

// pagesAt says where the pages are, and how to get in.
func (d *daemon) pagesAt() string {
	at := d.web.URL()
	switch {
	case !d.web.HasPages():
		return at + "/         has no pages: `make pages build` adds them, and needs Node 20.19 or later"
	case d.demo == nil:
		return fmt.Sprintf("%s/         the pages; sign in with a token (`%s token create ann --role supervisor --team billing`)", at, d.command)
	}
	code, err := d.demoCode()
	if err != nil {
		d.log.Warn("nobody can be signed in to the demo by a link", "err", err)
		return fmt.Sprintf("%s/         the pages; sign in with a token (`%s token create me --role admin`)", at, d.command)
	}
	return at + "/#token=" + code + "\n    the pages; this address signs in one browser, within the hour"
}
